/** Seconds and nanoseconds of a pcapng timestamp; one object is reused. */
export interface SplitTime {
  /** Whole seconds since 1970-01-01 UTC. */
  seconds: number;
  /** 0..999_999_999. */
  nanoseconds: number;
}

/** Turns the two 32-bit halves of a timestamp into seconds and nanoseconds, for one interface's if_tsresol and if_tsoffset. */
export type TimeSplitter = (high: number, low: number, into: SplitTime) => void;

/**
 * @param resolution the byte of if_tsresol: 10^-n seconds, or 2^-n with the top bit set; 6 when the option is absent
 * @param offset seconds of if_tsoffset, 0 when the option is absent
 */
export function timeSplitter(resolution: number, offset: number): TimeSplitter {
  const exponent = resolution & 0x7f;
  if ((resolution & 0x80) === 0 && exponent <= 9) return decimalSplitter(10 ** exponent, offset);
  return exactSplitter((resolution & 0x80) === 0 ? 10n ** BigInt(exponent) : 2n ** BigInt(exponent), offset);
}

/**
 * At most 10^9 units a second. The quotient by floating point is off by one at most, and the remainder modulo 2^32 tells which way,
 * so no BigInt is made per packet.
 */
function decimalSplitter(unitsPerSecond: number, offset: number): TimeSplitter {
  const nanosecondsPerUnit = 1e9 / unitsPerSecond;
  return (high, low, into) => {
    let seconds = Math.floor((high * 4294967296 + low) / unitsPerSecond);
    let units = (low - Math.imul(seconds, unitsPerSecond)) >>> 0;
    if (units >= 0x80000000) {
      seconds -= 1;
      units = (units + unitsPerSecond) >>> 0;
    } else if (units >= unitsPerSecond) {
      seconds += 1;
      units -= unitsPerSecond;
    }
    into.seconds = seconds + offset;
    into.nanoseconds = (units * nanosecondsPerUnit) % 1e9;
  };
}

function exactSplitter(unitsPerSecond: bigint, offset: number): TimeSplitter {
  return (high, low, into) => {
    const units = (BigInt(high) << 32n) | BigInt(low);
    into.seconds = Number(units / unitsPerSecond) + offset;
    into.nanoseconds = Number(((units % unitsPerSecond) * 1_000_000_000n) / unitsPerSecond);
  };
}
