import type { Ipv4 } from './address.js';
import { writeU16be, writeU32be } from './bytes.js';
import { ipv4HeaderChecksum, l4Checksum } from './checksum.js';
import { IPV4_HEADER_LENGTH, TCP, TCP_HEADER_LENGTH, UDP, UDP_HEADER_LENGTH } from './datagram.js';
import { CodecError } from './errors.js';
import type { Slab } from './slab.js';

/** The addresses and ports of a datagram. */
export interface Tuple {
  readonly source: Ipv4;
  readonly sourcePort: number;
  readonly destination: Ipv4;
  readonly destinationPort: number;
}

/** True when two tuples name the same addresses and ports in the same direction. */
export function sameTuple(a: Tuple, b: Tuple): boolean {
  return (
    a.source === b.source &&
    a.sourcePort === b.sourcePort &&
    a.destination === b.destination &&
    a.destinationPort === b.destinationPort
  );
}

/** What else an IPv4 header carries; every field has a default. */
export interface Ipv4Options {
  /** Identification field, 0..65535; default 0. */
  readonly identification?: number;
  /** DF; default true. */
  readonly dontFragment?: boolean;
  /** Hops, 1..255; default 64. */
  readonly ttl?: number;
  readonly tos?: number;
}

/** The fields of a TCP header that a builder sets. */
export interface TcpFields {
  readonly sequence: number;
  readonly acknowledgement?: number;
  /** See `TcpFlags`. */
  readonly flags: number;
  readonly window?: number;
  /** TCP options, a multiple of 4 octets, 40 at most; default none. */
  readonly options?: Uint8Array;
}

/** Writes an IPv4 header without options, with a valid checksum, in front of `l4Length` octets. */
export function writeIpv4Header(
  into: Uint8Array,
  tuple: Tuple,
  protocol: number,
  l4Length: number,
  options: Ipv4Options = {},
): void {
  into[0] = 0x45;
  into[1] = options.tos ?? 0;
  writeU16be(into, 2, IPV4_HEADER_LENGTH + l4Length);
  writeU16be(into, 4, options.identification ?? 0);
  writeU16be(into, 6, (options.dontFragment ?? true) ? 0x4000 : 0);
  into[8] = options.ttl ?? 64;
  into[9] = protocol;
  writeU16be(into, 10, 0);
  // As in a CM: a number above 2^31 that is passed on would take a place on the heap.
  writeU32be(into, 12, tuple.source | 0);
  writeU32be(into, 16, tuple.destination | 0);
  writeU16be(into, 10, ipv4HeaderChecksum(into, 0, IPV4_HEADER_LENGTH));
}

/** Writes a UDP header with a valid checksum in front of the octets already at its payload. */
export function writeUdpHeader(into: Uint8Array, tuple: Tuple, payloadLength: number): void {
  const l4 = IPV4_HEADER_LENGTH;
  const end = l4 + UDP_HEADER_LENGTH + payloadLength;
  writeU16be(into, l4, tuple.sourcePort);
  writeU16be(into, l4 + 2, tuple.destinationPort);
  writeU16be(into, l4 + 4, UDP_HEADER_LENGTH + payloadLength);
  writeU16be(into, l4 + 6, 0);
  writeU16be(into, l4 + 6, l4Checksum(into, 0, UDP, l4, end));
}

/**
 * Builds an IPv4/UDP datagram with valid lengths and checksums.
 * @param memory where it is made; its own memory unless given.
 * @throws CodecError `too-long` when the datagram would be longer than 65535 octets.
 */
export function buildUdp(tuple: Tuple, payload: Uint8Array, options: Ipv4Options = {}, memory?: Slab): Uint8Array {
  const length = IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH + payload.length;
  checkTotalLength(length);
  const packet = memory === undefined ? new Uint8Array(length) : memory.take(length);
  packet.set(payload, IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH);
  writeIpv4Header(packet, tuple, UDP, UDP_HEADER_LENGTH + payload.length, options);
  writeUdpHeader(packet, tuple, payload.length);
  return packet;
}

/**
 * Builds an IPv4/TCP segment with valid lengths and checksums.
 * @param memory where it is made; its own memory unless given.
 * @throws CodecError `too-long` when the datagram would be longer than 65535 octets.
 */
export function buildTcp(
  tuple: Tuple,
  fields: TcpFields,
  payload: Uint8Array,
  options: Ipv4Options = {},
  memory?: Slab,
): Uint8Array {
  const l4 = IPV4_HEADER_LENGTH;
  const headerLength = TCP_HEADER_LENGTH + (fields.options?.length ?? 0);
  const length = l4 + headerLength + payload.length;
  checkTotalLength(length);
  const packet = memory === undefined ? new Uint8Array(length) : memory.take(length);
  if (fields.options !== undefined) packet.set(fields.options, l4 + TCP_HEADER_LENGTH);
  packet.set(payload, l4 + headerLength);
  writeIpv4Header(packet, tuple, TCP, headerLength + payload.length, options);
  writeU16be(packet, l4, tuple.sourcePort);
  writeU16be(packet, l4 + 2, tuple.destinationPort);
  writeU32be(packet, l4 + 4, fields.sequence);
  writeU32be(packet, l4 + 8, fields.acknowledgement ?? 0);
  packet[l4 + 12] = headerLength << 2;
  packet[l4 + 13] = fields.flags;
  writeU16be(packet, l4 + 14, fields.window ?? 65535);
  writeU16be(packet, l4 + 16, l4Checksum(packet, 0, TCP, l4, length));
  return packet;
}

function checkTotalLength(length: number): void {
  if (length > 65535) {
    throw new CodecError('too-long', {
      layer: 'ipv4',
      field: 'total length',
      offset: 2,
      found: length,
      needed: 'at most 65535',
    });
  }
}
