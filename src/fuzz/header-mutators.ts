import { readU16be, readU32be, writeU16be, writeU32be } from '../codec/bytes.js';
import { ipv4HeaderChecksum, TCP, UDP } from '../codec/index.js';
import type { Mutator, MutatorTools } from './mutators.js';
import { inserted, type PacketParts, partsOf, repair, repairSums } from './packet-parts.js';
import type { Mutation } from './step.js';

/** A mutator of headers. */
function ofHeaders(
  name: string,
  description: string,
  change: (
    packet: Uint8Array,
    parts: PacketParts,
    mutation: Mutation,
    tools: MutatorTools,
  ) => Uint8Array | readonly Uint8Array[] | undefined,
): Mutator {
  return {
    name,
    description,
    isForHeaders: true,
    apply(packet, mutation, tools) {
      const parts = partsOf(packet);
      return parts === undefined ? undefined : change(packet, parts, mutation, tools);
    },
  };
}

const UDP_LENGTHS = [0, 7, 8, 9, 25, 33, 34, 0xffff];
const OPTION_BYTES: readonly (readonly number[])[] = [
  [1, 1, 1, 1],
  [7, 7, 4, 0, 0, 0, 0, 0],
  [0x44, 8, 5, 0, 0, 0, 0, 0],
  [0x83, 7, 4, 10, 0, 0, 1, 0],
  [0x94, 4, 0, 0],
  [7, 0, 0, 0],
  [7, 255, 4, 0],
  [0, 0x19, 0, 0],
];

/** A fragment of a packet: its payload of the IP header from `from` to `to`; `from` is a multiple of 8. */
function fragment(packet: Uint8Array, header: number, from: number, to: number, more: boolean): Uint8Array {
  const piece = new Uint8Array(header + to - from);
  piece.set(packet.subarray(0, header));
  piece.set(packet.subarray(header + from, header + to), header);
  writeU16be(piece, 2, piece.length);
  writeU16be(piece, 6, (more ? 0x2000 : 0) | (from >> 3));
  writeU16be(piece, 10, 0);
  writeU16be(piece, 10, ipv4HeaderChecksum(piece, 0, header));
  return piece;
}

/** Where a packet is cut into two fragments. */
function cutOf({ l4, end }: PacketParts, value: number): number | undefined {
  const places = Math.floor((end - l4 - 1) / 8);
  return places < 1 ? undefined : 8 * (1 + (value % places));
}

/** Mutators of what only a target without sockets between lets through. */
export const HEADER_MUTATORS: readonly Mutator[] = [
  ofHeaders('l4-checksum', 'the TCP or UDP checksum is wrong, or 0', (packet, { l4, protocol }, { value }) => {
    const at = l4 + (protocol === TCP ? 16 : 6);
    writeU16be(packet, at, (value & 3) === 0 ? 0 : (readU16be(packet, at) + 1 + (value >>> 2)) & 0xffff);
    return packet;
  }),
  ofHeaders('udp-length', 'the UDP length is not that of the datagram', (packet, { l4, protocol }, { at, value }) => {
    if (protocol !== UDP) return undefined;
    const edges = UDP_LENGTHS.length;
    const wrong = value % (edges + 1);
    writeU16be(packet, l4 + 4, wrong < edges ? UDP_LENGTHS[wrong]! : at & 0xffff);
    // Without it a receiver may drop the packet for its checksum before it looks at the length.
    if ((at & 1) === 0) writeU16be(packet, l4 + 6, 0);
    return packet;
  }),
  ofHeaders(
    'ip-length',
    'the IP total length is not that of the datagram',
    (packet, { l4, protocol }, { at, value }) => {
      const lengths = [0, 19, 20, l4, l4 + 7, l4 + 8, l4 + 20, packet.length - 1, packet.length + 1, 0xffff];
      const wrong = value % (lengths.length + 1);
      writeU16be(packet, 2, wrong < lengths.length ? lengths[wrong]! : at & 0xffff);
      return repairSums(packet, l4, protocol);
    },
  ),
  ofHeaders('ip-header', 'version, header length, protocol or another octet of the IP header', (packet, parts, m) => {
    const places = [0, 0, 0, 1, 6, 7, 8, 9];
    const at = places[m.at % places.length]!;
    packet[at] = at === 0 ? 0x40 | (m.value & 15) : m.value & 255;
    if ((m.value & 16) === 0) {
      writeU16be(packet, 10, 0);
      writeU16be(
        packet,
        10,
        ipv4HeaderChecksum(packet, 0, Math.min(packet.length, Math.max(20, (packet[0]! & 15) * 4))),
      );
    }
    return parts.end > 0 ? packet : undefined;
  }),
  ofHeaders('forged-source', 'the packet comes from an address of nobody', (packet, parts, { value }, { forged }) => {
    if (forged.length === 0) return undefined;
    writeU32be(packet, 12, forged[value % forged.length]!);
    return repairSums(packet, parts.l4, parts.protocol);
  }),
  ofHeaders('tcp-offset', 'the TCP data offset does not fit', (packet, { l4, protocol }, { value }) => {
    if (protocol !== TCP) return undefined;
    packet[l4 + 12] = (packet[l4 + 12]! & 15) | ((value & 15) << 4);
    return repairSums(packet, l4, protocol);
  }),
  ofHeaders('tcp-flags', 'other TCP flags', (packet, { l4, protocol }, { value }) => {
    if (protocol !== TCP) return undefined;
    packet[l4 + 13] = value & 63;
    return repairSums(packet, l4, protocol);
  }),
  ofHeaders('ip-options', 'the IP header has options, sound or not', (packet, { l4, protocol }, { at, value }) => {
    if (l4 !== 20) return undefined;
    const octets = Uint8Array.from(OPTION_BYTES[value % OPTION_BYTES.length]!);
    const longer = inserted(packet, 20, octets);
    longer[0] = 0x40 | ((20 + octets.length) / 4);
    return (at & 3) === 3 ? longer : repair(longer, 20 + octets.length, protocol);
  }),
  ofHeaders('fragment', 'two fragments, in order or not', (packet, parts, { at, value }) => {
    const cut = cutOf(parts, value);
    if (cut === undefined) return undefined;
    const first = fragment(packet, parts.l4, 0, cut, true);
    const second = fragment(packet, parts.l4, cut, parts.end - parts.l4, false);
    return (at & 1) === 0 ? [first, second] : [second, first];
  }),
  ofHeaders('fragment-overlap', 'two fragments that overlap', (packet, parts, { at, value }) => {
    const cut = cutOf(parts, value);
    if (cut === undefined) return undefined;
    const first = fragment(packet, parts.l4, 0, Math.min(cut + 8, parts.end - parts.l4), true);
    const second = fragment(packet, parts.l4, cut, parts.end - parts.l4, false);
    return (at & 1) === 0 ? [first, second] : [second, first];
  }),
  ofHeaders('fragment-only', 'one of two fragments', (packet, parts, { at, value }) => {
    const cut = cutOf(parts, value);
    if (cut === undefined) return undefined;
    return (at & 1) === 0
      ? fragment(packet, parts.l4, cut, parts.end - parts.l4, false)
      : fragment(packet, parts.l4, 0, cut, true);
  }),
  ofHeaders('header-cm', 'a segment without data whose own headers read as a CM', (packet, { protocol }) => {
    if (protocol !== TCP) return undefined;
    return headerThatIsACm(packet);
  }),
  ofHeaders('cut-packet', 'fewer octets than the IP header says', (packet, _parts, { value }) =>
    packet.slice(0, value % packet.length),
  ),
];

/**
 * A segment of 40 octets in which the last 25 are a compact CM: a mark in the source address, flags in the checksum, the sum in the
 * urgent pointer.
 */
function headerThatIsACm(packet: Uint8Array): Uint8Array | undefined {
  const segment = packet.slice(0, 40);
  segment[0] = 0x45;
  writeU16be(segment, 2, 40);
  writeU16be(segment, 6, 0x4000);
  segment[32] = 0x50;
  segment[33] = 0x10;
  writeU16be(segment, 34, 0x0100);
  // The mark is the last octet of the source address; only then are the octets behind it looked at.
  segment[15] = 25;
  writeU32be(segment, 24, (readU32be(segment, 24) & 0xffff_ff00) >>> 0);
  segment[36] = 0;
  segment[37] = 3;
  let sum = 0;
  for (let i = 15; i < 38; i++) sum += segment[i]!;
  segment[38] = sum & 255;
  segment[39] = sum >>> 8;
  writeU16be(segment, 10, 0);
  writeU16be(segment, 10, ipv4HeaderChecksum(segment, 0, 20));
  return segment;
}
