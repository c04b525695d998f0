import { pcapVariant } from './pcap.js';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_OBSOLETE_PACKET,
  BLOCK_OVERHEAD,
  BLOCK_SECTION_HEADER,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
} from './pcapng-format.js';

/** Records or blocks in a row that are believed. */
const CHAIN = 24;
/** The longest record looked for: a longer one in the way only costs the split. */
const MAX_LENGTH = 1 << 18;
const PCAP_HEADER = 24;
const RECORD_HEADER = 16;

/** How a capture file begins: what a reader of a later part has to know. */
export interface CaptureHead {
  /** Octets before the first packet: file header, or section header and interface descriptions. */
  readonly length: number;
  /**
   * Where a record or block seems to begin in octets from the middle of the file; -1 = nowhere. A guess, to be confirmed by a reader
   * that arrives there from before.
   */
  resynchronise(bytes: Uint8Array): number;
}

/** Reads the head of a capture from its first octets; undefined when it is none that can be split. */
export function captureHead(bytes: Uint8Array): CaptureHead | undefined {
  if (bytes.length < PCAP_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0, false);
  const variant = pcapVariant(magic);
  if (variant !== undefined) return pcapHead(variant);
  return magic === BLOCK_SECTION_HEADER ? pcapngHead(view) : undefined;
}

function pcapHead({ littleEndian, nanoseconds }: { littleEndian: boolean; nanoseconds: boolean }): CaptureHead {
  const units = nanoseconds ? 1e9 : 1e6;
  /** Where the record after the one at `at` begins; -1 when none can be there. */
  const after = (view: DataView, at: number): number => {
    const captured = view.getUint32(at + 8, littleEndian);
    // Octets that are all 0 would be empty records without end.
    if (captured === 0 || captured > MAX_LENGTH || view.getUint32(at + 4, littleEndian) >= units) return -1;
    const original = view.getUint32(at + 12, littleEndian);
    return original < captured || original > 8 * MAX_LENGTH ? -1 : at + RECORD_HEADER + captured;
  };
  return { length: PCAP_HEADER, resynchronise: (bytes) => chainStart(bytes, 1, RECORD_HEADER, after) };
}

function pcapngHead(first: DataView): CaptureHead | undefined {
  const littleEndian = first.getUint32(8, true) === BYTE_ORDER_MAGIC;
  let at = 0;
  for (;;) {
    if (at + 8 > first.byteLength) return undefined;
    if (isPacket(first.getUint32(at, littleEndian))) break;
    const length = first.getUint32(at + 4, littleEndian);
    if (length < BLOCK_OVERHEAD || length % 4 !== 0) return undefined;
    at += length;
  }
  const after = (view: DataView, from: number): number => {
    const length = view.getUint32(from + 4, littleEndian);
    if (length < BLOCK_OVERHEAD || length > MAX_LENGTH || length % 4 !== 0) return -1;
    const end = from + length;
    if (view.getUint32(from, littleEndian) > 0xffff) return -1;
    return end <= view.byteLength && view.getUint32(end - 4, littleEndian) !== length ? -1 : end;
  };
  return { length: at, resynchronise: (bytes) => chainStart(bytes, 4, 8, after) };
}

function isPacket(type: number): boolean {
  return type === BLOCK_ENHANCED_PACKET || type === BLOCK_SIMPLE_PACKET || type === BLOCK_OBSOLETE_PACKET;
}

/** The first place from which a chain of records reaches far enough. @param step places are multiples of it */
function chainStart(
  bytes: Uint8Array,
  step: number,
  headerLength: number,
  after: (view: DataView, at: number) => number,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start + headerLength <= bytes.length; start += step) {
    let at = start;
    let count = 0;
    while (count < CHAIN && at >= 0 && at + headerLength <= bytes.length) {
      at = after(view, at);
      count++;
    }
    // A chain that leaves the octets at hand is believed when it is more than a coincidence of lengths.
    if (at >= 0 && (count === CHAIN || (count >= 3 && at >= bytes.length))) return start;
  }
  return -1;
}
