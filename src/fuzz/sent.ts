import { COMPACT, fieldOffset, type LayoutName, UDP } from '../codec/index.js';
import { hasSoundChecksum, partsOf } from './packet-parts.js';
import type { Micros } from './target.js';

/** Number of the bystander where nodes are counted; fuzzed nodes count from 0. */
export const BYSTANDER = -1;

/** Octets of the mark that user data begins with, by which an echo is known. */
export const MARK_LENGTH = 8;

/** Writes the mark of datagram `number`. */
export function writeMark(data: Uint8Array, number: number): void {
  data[0] = 0x7e;
  data[1] = 0x6d;
  data[2] = 0x70;
  data[3] = (number >>> 24) & 255;
  data[4] = (number >>> 16) & 255;
  data[5] = (number >>> 8) & 255;
  data[6] = number & 255;
  data[7] = 0x7e;
}

/** The number of the mark at a place; undefined when there is none. */
export function readMark(bytes: Uint8Array, at: number, end: number): number | undefined {
  if (end - at < MARK_LENGTH) return undefined;
  if (bytes[at] !== 0x7e || bytes[at + 1] !== 0x6d || bytes[at + 2] !== 0x70 || bytes[at + 7] !== 0x7e)
    return undefined;
  return ((bytes[at + 3]! << 24) | (bytes[at + 4]! << 16) | (bytes[at + 5]! << 8) | bytes[at + 6]!) >>> 0;
}

/** What may come back of a datagram that was sent to an echo service. */
export type Fate = 'whole' | 'stripped' | 'either' | 'never' | 'any';

/** A packet that was sent. */
export interface Sent {
  /** The number in its mark. */
  readonly number: number;
  readonly time: Micros;
  readonly packet: Uint8Array;
  /** The node that sent it; `BYSTANDER` or a fuzzed one. */
  readonly node: number;
  /** The step that it belongs to; -1 before the first. */
  readonly step: number;
  /** Whether nothing of it is altered. */
  readonly isPure: boolean;
  /** False for a fragment: what comes back is that of the whole. */
  readonly isWhole: boolean;
  /** Layouts that its address and port had used before. */
  readonly layouts: ReadonlySet<LayoutName>;
  /** How often it was put on the wire. */
  copies: number;
  /** How often its user data came back. */
  echoes: number;
}

/** User data that may come back, and how. */
export interface Expectation {
  readonly fate: Fate;
  /** User data with the trailer. */
  readonly whole: Uint8Array;
  /** User data without the trailer; the same where there is none. */
  readonly stripped: Uint8Array;
}

/** The flags from the end of the CM: the same in both layouts. */
const FLAGS_BACK = COMPACT.baseSize - fieldOffset(COMPACT, 'flags');

const NOTHING = new Uint8Array(0);
const ANY: Expectation = { fate: 'any', whole: NOTHING, stripped: NOTHING };
const NEVER: Expectation = { fate: 'never', whole: NOTHING, stripped: NOTHING };

/**
 * What the wire format lets come back of a datagram: without a CM all of it; with a CM of data what is before the trailer, or all
 * of it where the receiver does not know the sender; of queries and confirmations without ids nothing (docs/wire-format.md).
 */
export function expectationOf({ packet, layouts, isWhole }: Sent): Expectation {
  if (!isWhole) return ANY;
  const parts = partsOf(packet);
  // Headers that cannot be read: nobody can deliver it.
  if (parts === undefined) return packet.length < 28 || packet[0] !== 0x45 ? NEVER : ANY;
  if (parts.protocol !== UDP) return ANY;
  const udpLength = (packet[parts.l4 + 4]! << 8) | packet[parts.l4 + 5]!;
  if (parts.end !== packet.length || udpLength !== parts.end - parts.l4 || !hasSoundChecksum(packet, parts)) return ANY;
  if (!hasSoundHeader(packet, parts.l4)) return ANY;
  const whole = packet.subarray(parts.payload, parts.end);
  if (parts.cm === undefined) return { fate: 'whole', whole, stripped: whole };
  const stripped = packet.subarray(parts.payload, parts.cm.trailer);
  const flags = packet[parts.end - FLAGS_BACK]!;
  if (flags <= 1) return { fate: 'either', whole, stripped };
  const { start } = parts.cm;
  const isBare = parts.cm.layout.name === 'compact' ? packet[start + 3] === 0 && packet[start + 4] === 0 : false;
  const isKnownLayout = [...layouts].every((layout) => layout === parts.cm?.layout.name);
  return { fate: (flags === 3 || flags === 4) && isBare && isKnownLayout ? 'never' : 'whole', whole, stripped };
}

/** True when the sum of the IP header is right. */
function hasSoundHeader(packet: Uint8Array, length: number): boolean {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += (packet[i]! << 8) | packet[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum === 0xffff;
}
