import type { Ipv4, NodeId } from './address.js';
import { readI32be, readI32le, readU16be, readU16le } from './bytes.js';
import { compactOctetSum, octetSum } from './checksum.js';
import { MAX_FLAGS } from './flags.js';
import { COMPACT, type FieldName, FULL, fieldOf, fieldOffset, type LayoutName } from './layout.js';

// Offsets are taken from the declarations once; the engine folds them into the code.
const compactAt = (name: FieldName) => fieldOffset(COMPACT, name);
const fullAt = (name: FieldName) => fieldOffset(FULL, name);

const C_SIZE = COMPACT.baseSize;
const C_MARK = fieldOf(COMPACT, 'length')!.constant!;
const C_NODE = compactAt('nodeId');
const C_SESSION = compactAt('sessionId');
const C_PATH = compactAt('pathId');
const C_FEEDBACK = compactAt('feedbackPathId');
const C_TIME = compactAt('timestamp');
const C_DELAY = compactAt('pathDelay');
const C_ADDRESSES = compactAt('localAddresses');
const C_FLAGS = compactAt('flags');
const C_SUM = compactAt('checksum');

const F_BASE = FULL.baseSize;
const F_MARK = fieldOf(FULL, 'version')!.constant!;
const F_MAX_ADDRESSES = fieldOf(FULL, 'addressCount')!.max!;
const F_NODE = fullAt('nodeId');
const F_SESSION = fullAt('sessionId');
const F_PATH = fullAt('pathId');
const F_FEEDBACK = fullAt('feedbackPathId');
const F_TIME = fullAt('timestamp');
const F_DELAY = fullAt('pathDelay');
const F_ADDRESSES = fullAt('localAddresses');
// Counted from the end of the CM, because the address list before them has a variable length.
const F_COUNT_BACK = F_BASE - fullAt('addressCount');
const F_VERSION_BACK = F_BASE - fullAt('version');
const F_FLAGS_BACK = F_BASE - fullAt('flags');
const F_SUM_BACK = F_BASE - fullAt('checksum');

/** Layouts as bits, for the sets that a receiver accepts. */
export const Accept = { none: 0, compact: 1, full: 2, both: 3 } as const;

/** The set that holds one layout. */
export function acceptOnly(layout: LayoutName): number {
  return layout === 'compact' ? Accept.compact : Accept.full;
}

/** True when the 25 octets before `end`, and the filler before them, are a `compact` CM after `from`. */
export function isCompact(bytes: Uint8Array, from: number, end: number): boolean {
  const start = end - C_SIZE;
  return (
    start - COMPACT.filler >= from &&
    bytes[start] === C_MARK &&
    bytes[start + C_FLAGS]! <= MAX_FLAGS &&
    compactOctetSum(bytes, start) === readU16le(bytes, start + C_SUM)
  );
}

/** True when the octets before `end` are a `full` CM that begins at `from` or later. */
export function isFull(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - F_BASE < from || bytes[end - F_VERSION_BACK] !== F_MARK || bytes[end - F_FLAGS_BACK]! > MAX_FLAGS)
    return false;
  const count = bytes[end - F_COUNT_BACK]!;
  const start = end - F_BASE - 4 * count;
  return (
    count <= F_MAX_ADDRESSES &&
    start >= from &&
    isUnicastMac(bytes, start + F_NODE) &&
    octetSum(bytes, start, end - F_SUM_BACK) === readU16be(bytes, end - F_SUM_BACK)
  );
}

/** A MAC that can be a node id: not all zero, not multicast. */
function isUnicastMac(bytes: Uint8Array, at: number): boolean {
  return (bytes[at]! & 1) === 0 && (readI32be(bytes, at) !== 0 || readU16be(bytes, at + 4) !== 0);
}

/**
 * A reusable, zero-copy view of a CM in a byte array. Only `recognise` judges; the getters read whatever is there.
 */
export class CmView {
  bytes: Uint8Array = new Uint8Array(0);
  /** First octet of the CM, filler not included. */
  start = 0;
  /** One past the last octet of the CM. */
  end = 0;
  isFull = false;
  /** True when the octets satisfy both layouts; the view then reads `compact`. */
  isAmbiguous = false;

  /**
   * Looks for a CM that ends at `end` and, with its filler, begins at `from` or later (`from` = end of the TCP or UDP
   * header). `accept` is a set of layouts; `compact` wins when both fit.
   * @returns true when there is one; the view then reads it.
   */
  recognise(bytes: Uint8Array, from: number, end: number, accept: number): boolean {
    const compact = (accept & Accept.compact) !== 0 && isCompact(bytes, from, end);
    const full = (accept & Accept.full) !== 0 && isFull(bytes, from, end);
    if (!compact && !full) return false;
    this.isAmbiguous = compact && full;
    if (compact) this.bind(bytes, end - C_SIZE, end, 'compact');
    else this.bind(bytes, end - F_BASE - 4 * bytes[end - F_COUNT_BACK]!, end, 'full');
    return true;
  }

  /** Points the view at octets that hold a CM of `layout`, without judging them. */
  bind(bytes: Uint8Array, start: number, end: number, layout: LayoutName): this {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.isFull = layout === 'full';
    return this;
  }

  get layout(): LayoutName {
    return this.isFull ? 'full' : 'compact';
  }

  /** Where the trailer begins: filler and CM. */
  get trailerStart(): number {
    return this.isFull ? this.start : this.start - COMPACT.filler;
  }

  /** The filler octet of `compact`; undefined in `full`. */
  get filler(): number | undefined {
    return this.isFull ? undefined : this.bytes[this.start - 1]!;
  }

  get nodeId(): NodeId {
    const { bytes, start } = this;
    if (!this.isFull) return readU16be(bytes, start + C_NODE);
    return readU16be(bytes, start + F_NODE) * 0x1_0000_0000 + (readI32be(bytes, start + F_NODE + 2) >>> 0);
  }

  get sessionId(): number {
    return this.isFull ? readU16be(this.bytes, this.start + F_SESSION) : this.bytes[this.start + C_SESSION]!;
  }

  get pathId(): number {
    return this.isFull ? readU16be(this.bytes, this.start + F_PATH) : this.bytes[this.start + C_PATH]!;
  }

  get feedbackPathId(): number {
    return this.isFull ? readU16be(this.bytes, this.start + F_FEEDBACK) : this.bytes[this.start + C_FEEDBACK]!;
  }

  /** Ticks of the sender's clock, 0..2^32-1. */
  get timestamp(): number {
    const { bytes, start } = this;
    return (this.isFull ? readI32be(bytes, start + F_TIME) : readI32le(bytes, start + C_TIME)) >>> 0;
  }

  /** Ticks, -2^31..2^31-1. */
  get pathDelay(): number {
    const { bytes, start } = this;
    return this.isFull ? readI32be(bytes, start + F_DELAY) : readI32le(bytes, start + C_DELAY);
  }

  /** Number of address slots: always 2 in `compact`, some of which may be empty (0.0.0.0). */
  get addressSlots(): number {
    return this.isFull ? this.bytes[this.end - F_COUNT_BACK]! : 2;
  }

  /** The address in slot `index`; 0 = empty. */
  address(index: number): Ipv4 {
    return readI32be(this.bytes, this.start + (this.isFull ? F_ADDRESSES : C_ADDRESSES) + 4 * index) >>> 0;
  }

  /** The addresses without empty slots, as a new array. */
  get localAddresses(): Ipv4[] {
    if (this.isFull) return this.readAddresses([]);
    const one = this.address(0);
    const two = this.address(1);
    // Arrays of just their size: one that grows gets room for many more.
    if (one !== 0 && two !== 0) return [one, two];
    return one !== 0 ? [one] : two !== 0 ? [two] : [];
  }

  /** `localAddresses` in an array of the caller, whose content is replaced. */
  readAddresses(list: Ipv4[]): Ipv4[] {
    let count = 0;
    for (let i = 0; i < this.addressSlots; i++) {
      const address = this.address(i);
      if (address !== 0) list[count++] = address;
    }
    if (list.length !== count) list.length = count;
    return list;
  }

  get flags(): number {
    return this.isFull ? this.bytes[this.end - F_FLAGS_BACK]! : this.bytes[this.start + C_FLAGS]!;
  }

  /** The checksum field. */
  get checksum(): number {
    return this.isFull ? readU16be(this.bytes, this.end - F_SUM_BACK) : readU16le(this.bytes, this.start + C_SUM);
  }

  /** The checksum that the octets ask for. */
  get expectedChecksum(): number {
    return octetSum(this.bytes, this.start, this.end - 2);
  }
}
