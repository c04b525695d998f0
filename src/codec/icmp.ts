import type { Ipv4 } from './address.js';
import { readU16be, readU32be, writeU16be, writeU32be } from './bytes.js';
import { fold, ipv4HeaderChecksum, wordSum } from './checksum.js';
import { IPV4_HEADER_LENGTH, TCP, UDP } from './datagram.js';
import { FRAGMENT_OFFSET } from './fragment.js';
import type { Tuple } from './packet.js';

/** IP protocol number of ICMP. */
export const ICMP = 1;
/** Types of ICMP errors (RFC 792) that say what became of a packet. */
export const IcmpType = { unreachable: 3, timeExceeded: 11, parameterProblem: 12 } as const;
/** Codes of "unreachable" (RFC 792, RFC 1191). */
export const UnreachableCode = { net: 0, host: 1, protocol: 2, port: 3, fragmentationNeeded: 4 } as const;

const HEADER = 8;
/** Octets of the quoted TCP or UDP header that every message has: the ports among them. */
const QUOTED_L4 = 8;
/** A whole message is no longer than this (RFC 1812, section 4.3.2.3). */
const LONGEST = 576;
const TTL = 64;

/**
 * A reusable view of an ICMP error about a TCP or UDP packet: who says what of which packet. After `parse` returned true
 * no accessor can fail. The quoted packet may be cut short; the octets after its first eight are not looked at.
 */
export class IcmpErrorView {
  bytes: Uint8Array = new Uint8Array(0);
  type = 0;
  code = 0;
  /** Who sent the message. */
  from: Ipv4 = 0;
  /** Whom the message is for. */
  to: Ipv4 = 0;
  /** The MTU of the next link in "fragmentation needed", octets; 0 from routers that do not say it (RFC 1191). */
  nextHopMtu = 0;
  /** Protocol of the quoted packet: 6 or 17. */
  protocol = 0;
  /** Where the quoted packet begins. */
  quotedOffset = 0;
  /** Where its TCP or UDP header begins. */
  quotedL4Offset = 0;
  /** One past the last quoted octet. */
  quotedEnd = 0;
  /** The length that the quoted packet had, octets. */
  quotedTotal = 0;

  /**
   * Reads the datagram in the first `length` octets of `bytes`.
   * @returns false when it is anything else, also when its checksum is wrong or it quotes a later fragment.
   */
  parse(bytes: Uint8Array, length = bytes.length): boolean {
    if (length < IPV4_HEADER_LENGTH || bytes[0]! >>> 4 !== 4 || bytes[9] !== ICMP) return false;
    const headerLength = (bytes[0]! & 15) * 4;
    const end = readU16be(bytes, 2);
    if (headerLength < IPV4_HEADER_LENGTH || end > length || (readU16be(bytes, 6) & 0x3fff) !== 0) return false;
    const quoted = headerLength + HEADER;
    if (end < quoted + IPV4_HEADER_LENGTH + QUOTED_L4) return false;
    const type = bytes[headerLength]!;
    if (type !== IcmpType.unreachable && type !== IcmpType.timeExceeded && type !== IcmpType.parameterProblem)
      return false;
    if (fold(wordSum(bytes, headerLength, end)) !== 0xffff) return false;
    if (!this.#parseQuoted(bytes, quoted, end)) return false;
    this.bytes = bytes;
    this.type = type;
    this.code = bytes[headerLength + 1]!;
    this.from = readU32be(bytes, 12);
    this.to = readU32be(bytes, 16);
    this.nextHopMtu = this.isFragmentationNeeded ? readU16be(bytes, headerLength + 6) : 0;
    // RFC 4884: the quoted packet ends where the message says; structures follow that nobody needs here.
    const said = bytes[headerLength + 5]! * 4;
    const available = said === 0 ? end - quoted : Math.min(said, end - quoted);
    this.quotedEnd = quoted + Math.min(this.quotedTotal, available);
    return this.quotedEnd >= this.quotedL4Offset + QUOTED_L4;
  }

  #parseQuoted(bytes: Uint8Array, at: number, end: number): boolean {
    const headerLength = (bytes[at]! & 15) * 4;
    if (bytes[at]! >>> 4 !== 4 || headerLength < IPV4_HEADER_LENGTH) return false;
    this.protocol = bytes[at + 9]!;
    this.quotedOffset = at;
    this.quotedL4Offset = at + headerLength;
    this.quotedTotal = readU16be(bytes, at + 2);
    if (this.protocol !== TCP && this.protocol !== UDP) return false;
    if (this.quotedTotal < headerLength + QUOTED_L4 || end < at + headerLength + QUOTED_L4) return false;
    return (readU16be(bytes, at + 6) & FRAGMENT_OFFSET) === 0;
  }

  get isFragmentationNeeded(): boolean {
    return this.type === IcmpType.unreachable && this.code === UnreachableCode.fragmentationNeeded;
  }

  /** True when the quoted packet is there with all its octets. */
  get isWhole(): boolean {
    return this.quotedEnd - this.quotedOffset === this.quotedTotal;
  }

  /** Addresses and ports of the quoted packet, its sender as source. */
  get tuple(): Tuple {
    const { bytes, quotedOffset, quotedL4Offset } = this;
    return {
      source: readU32be(bytes, quotedOffset + 12),
      sourcePort: readU16be(bytes, quotedL4Offset),
      destination: readU32be(bytes, quotedOffset + 16),
      destinationPort: readU16be(bytes, quotedL4Offset + 2),
    };
  }
}

/** What an ICMP error says beside the packet that it quotes. */
export interface IcmpError {
  readonly from: Ipv4;
  readonly to: Ipv4;
  readonly type: number;
  readonly code: number;
  /** The last two octets of the header: the MTU in "fragmentation needed", 0 otherwise. */
  readonly value?: number;
}

/** Builds an ICMP error with valid checksums that quotes as much of a packet as there is room for in 576 octets. */
export function buildIcmpError({ from, to, type, code, value = 0 }: IcmpError, packet: Uint8Array): Uint8Array {
  const at = IPV4_HEADER_LENGTH;
  const quoted = packet.subarray(0, LONGEST - at - HEADER);
  const out = new Uint8Array(at + HEADER + quoted.length);
  out[0] = 0x45;
  writeU16be(out, 2, out.length);
  out[8] = TTL;
  out[9] = ICMP;
  writeU32be(out, 12, from);
  writeU32be(out, 16, to);
  writeU16be(out, 10, ipv4HeaderChecksum(out, 0, at));
  out[at] = type;
  out[at + 1] = code;
  writeU16be(out, at + 6, value);
  out.set(quoted, at + HEADER);
  writeU16be(out, at + 2, ~fold(wordSum(out, at, out.length)) & 0xffff);
  return out;
}

/** Lengths of packets on common links, longest first (RFC 1191, section 7.1, and today's tunnels). */
const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 1400, 1280, 1006, 576];

/** The MTU to assume when a router refused a packet of `length` octets and did not say why (RFC 1191, section 7.1). */
export function plateauBelow(length: number): number {
  return PLATEAUS.find((plateau) => plateau < length) ?? 576;
}
