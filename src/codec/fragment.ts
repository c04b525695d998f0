import { readU16be, writeU16be } from './bytes.js';
import { ipv4HeaderChecksum } from './checksum.js';
import { IPV4_HEADER_LENGTH } from './datagram.js';

/** Bits of the word of the IPv4 header that holds flags and fragment offset (RFC 791). */
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
/** The fragment offset in that word, in units of 8 octets. */
export const FRAGMENT_OFFSET = 0x1fff;

/** True when a datagram may be fragmented: its DF bit is clear (RFC 791). */
export function mayFragment(packet: Uint8Array): boolean {
  return packet.length >= IPV4_HEADER_LENGTH && (readU16be(packet, 6) & DONT_FRAGMENT) === 0;
}

/**
 * Cuts the datagram in the first `length` octets of `packet` into fragments of at most `mtu` octets (RFC 791); each gets
 * the whole header, options included, and a valid header checksum. A fragment is cut further like a datagram.
 */
export function fragment(packet: Uint8Array, mtu: number, length = packet.length): Uint8Array[] {
  const headerLength = (packet[0]! & 15) * 4;
  const room = Math.max(8, (mtu - headerLength) & ~7);
  const field = readU16be(packet, 6);
  const pieces: Uint8Array[] = [];
  for (let at = headerLength; at < length; at += room) {
    const end = Math.min(length, at + room);
    const piece = new Uint8Array(headerLength + end - at);
    piece.set(packet.subarray(0, headerLength));
    piece.set(packet.subarray(at, end), headerLength);
    const more = end < length ? MORE_FRAGMENTS : field & MORE_FRAGMENTS;
    writeU16be(piece, 2, piece.length);
    writeU16be(piece, 6, more | ((field & FRAGMENT_OFFSET) + (at - headerLength) / 8));
    writeU16be(piece, 10, ipv4HeaderChecksum(piece, 0, headerLength));
    pieces.push(piece);
  }
  return pieces;
}
