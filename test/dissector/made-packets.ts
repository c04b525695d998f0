// Datagrams and captures for the dissector's tests.
import {
  attach,
  buildTcp,
  buildUdp,
  type ControlMessage,
  emptyControlMessage,
  parseIpv4,
  type Tuple,
} from '../../src/codec/index.js';
import { PATH_SEQUENCE_OPTION } from '../../src/codec/path-sequence.js';
import type { CapturedPacket } from '../../src/io/captured-packet.js';
import { madePcap } from '../io/made-captures.js';

export const A = parseIpv4('192.0.2.1');
export const B = parseIpv4('203.0.113.7');

export function tuple(sourcePort = 40000, destinationPort = 7000, source = A, destination = B): Tuple {
  return { source, sourcePort, destination, destinationPort };
}

export function cm(values: Partial<ControlMessage> = {}): ControlMessage {
  return { ...emptyControlMessage(values.layout ?? 'compact'), nodeId: 0x0a01, timestamp: 1000, ...values };
}

/** `datagram` with the trailer of `message`. */
export function withCm(datagram: Uint8Array, message: ControlMessage): Uint8Array {
  const out = new Uint8Array(datagram.length + 100);
  return out.slice(0, attach(datagram, message, out));
}

export function udp(
  message: ControlMessage | undefined,
  data: Uint8Array = new Uint8Array(20),
  to = tuple(),
): Uint8Array {
  const datagram = buildUdp(to, data);
  return message === undefined ? datagram : withCm(datagram, message);
}

export function tcp(
  message: ControlMessage | undefined,
  data: Uint8Array = new Uint8Array(0),
  to = tuple(50000, 5001),
): Uint8Array {
  const datagram = buildTcp(to, { sequence: 1000, acknowledgement: 2000, flags: 0x18 }, data);
  return message === undefined ? datagram : withCm(datagram, message);
}

/** The TCP header and data of a segment, as a wrapper carries them. */
export function segmentOf(datagram: Uint8Array): Uint8Array {
  return datagram.slice(20);
}

/** A segment of a host behind a TCP header of the path's own (docs/wire-format.md, Extension). */
export function numbered(message: ControlMessage, segment: Uint8Array, to = tuple(50000, 5001)): Uint8Array {
  const fields = { sequence: 7, acknowledgement: 8, flags: 0x18, options: PATH_SEQUENCE_OPTION };
  return withCm(buildTcp(to, fields, segment), message);
}

/** As a capture hands it out, link type raw IP. */
export function captured(datagram: Uint8Array, number = 1): CapturedPacket {
  return {
    number,
    seconds: 1_795_376_191 + number,
    nanoseconds: 1000,
    linkType: 101,
    interfaceId: 0,
    buffer: datagram,
    offset: 0,
    capturedLength: datagram.length,
    originalLength: datagram.length,
    comments: undefined,
  };
}

/** A raw-IP pcap with one packet a second. */
export function pcapOf(...datagrams: readonly Uint8Array[]): Uint8Array {
  return madePcap(
    { littleEndian: true, linkType: 101 },
    datagrams.map((data, index) => ({ seconds: 1_795_376_191 + index, fraction: 114421, data })),
  );
}

/**
 * A block that is a CM of both layouts: read as `full` it has one address and the node id fe:01:00:00:19:02, read as `compact` the node
 * id 02:00. Its two sums differ by 255, as their octets swapped do.
 */
export function ambiguousBlock(): Uint8Array {
  const block = new Uint8Array(29);
  block.set([0xfe, 0x01, 0x00, 0x00, 25, 0x02], 0);
  block[24] = 1; // one address
  block[25] = 0xa2;
  // compact: the octets from the 25 on must add up to 0x0304, full: all of them to 0x0403
  const rest = 0x0304 - (25 + 2 + 1 + 0xa2);
  block.set([200, 200, rest - 400], 16);
  block.set([0x04, 0x03], 27);
  return block;
}
