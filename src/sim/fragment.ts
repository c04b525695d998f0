import { readU16be, readU32be, writeU16be, writeU32be } from '../codec/bytes.js';
import { fold, ipv4HeaderChecksum, wordSum } from '../codec/checksum.js';
import type { Ipv4 } from '../codec/index.js';

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const ICMP = 1;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;

/** True when a datagram may be fragmented: its DF bit is clear (RFC 791). */
export function mayFragment(packet: Uint8Array): boolean {
  return packet.length >= 20 && (readU16be(packet, 6) & DONT_FRAGMENT) === 0;
}

/** Cuts a datagram into fragments of at most `mtu` octets (RFC 791); each gets the whole header, options included. */
export function fragment(packet: Uint8Array, mtu: number): Uint8Array[] {
  const headerLength = (packet[0]! & 15) * 4;
  const room = Math.max(8, (mtu - headerLength) & ~7);
  const field = readU16be(packet, 6);
  const pieces: Uint8Array[] = [];
  for (let at = headerLength; at < packet.length; at += room) {
    const end = Math.min(packet.length, at + room);
    const piece = new Uint8Array(headerLength + end - at);
    piece.set(packet.subarray(0, headerLength));
    piece.set(packet.subarray(at, end), headerLength);
    const more = end < packet.length ? MORE_FRAGMENTS : field & MORE_FRAGMENTS;
    writeU16be(piece, 2, piece.length);
    writeU16be(piece, 6, more | ((field & 0x1fff) + (at - headerLength) / 8));
    writeU16be(piece, 10, ipv4HeaderChecksum(piece, 0, headerLength));
    pieces.push(piece);
  }
  return pieces;
}

/** The ICMP message "fragmentation needed and DF set" about `packet`, with the MTU of the next link (RFC 1191). */
export function fragmentationNeeded(packet: Uint8Array, mtu: number, from: Ipv4): Uint8Array {
  const quoted = packet.subarray(0, Math.min(packet.length, (packet[0]! & 15) * 4 + 8));
  const out = new Uint8Array(28 + quoted.length);
  out[0] = 0x45;
  writeU16be(out, 2, out.length);
  out[8] = 64;
  out[9] = ICMP;
  writeU32be(out, 12, from);
  writeU32be(out, 16, readU32be(packet, 12));
  writeU16be(out, 10, ipv4HeaderChecksum(out, 0, 20));
  out[20] = UNREACHABLE;
  out[21] = FRAGMENTATION_NEEDED;
  writeU16be(out, 26, mtu);
  out.set(quoted, 28);
  writeU16be(out, 22, ~fold(wordSum(out, 20, out.length)) & 0xffff);
  return out;
}
