import { part, readU16be, readU32be } from '../codec/bytes.js';
import { TCP_HEADER_LENGTH } from '../codec/datagram.js';
import { TCP, UDP } from '../codec/index.js';
import type { Observed } from './observed.js';

/** A TCP segment as it was on the wire, or in the UDP wrapper (paper, section 3.8.2). */
export interface Segment {
  readonly sequence: number;
  readonly acknowledgement: number;
  /** See `TcpFlags`. */
  readonly flags: number;
  readonly window: number;
  readonly options: Uint8Array;
  /** User data, without the trailer. */
  readonly payload: Uint8Array;
  /** True when it came in a UDP datagram. */
  readonly isWrapped: boolean;
}

/** The TCP segment of a packet: as it is, or as the user data of a UDP datagram; undefined when there is none. */
export function segmentOf(packet: Observed): Segment | undefined {
  if (packet.protocol === TCP) {
    const header = part(packet.packet, packet.l4Offset, packet.payloadOffset);
    return header.length < TCP_HEADER_LENGTH ? undefined : read(header, packet.payload, false);
  }
  if (packet.protocol !== UDP) return undefined;
  const octets = packet.payload;
  const length = octets.length < TCP_HEADER_LENGTH ? 0 : (octets[12]! >>> 4) * 4;
  if (length < TCP_HEADER_LENGTH || length > octets.length) return undefined;
  return read(part(octets, 0, length), part(octets, length, octets.length), true);
}

function read(header: Uint8Array, payload: Uint8Array, isWrapped: boolean): Segment {
  return {
    sequence: readU32be(header, 4),
    acknowledgement: readU32be(header, 8),
    flags: header[13]!,
    window: readU16be(header, 14),
    options: part(header, TCP_HEADER_LENGTH, header.length),
    payload,
    isWrapped,
  };
}

/** a - b of sequence numbers, from -2^31 to 2^31 - 1. */
export function sequenceDistance(a: number, b: number): number {
  return (a - b) | 0;
}
