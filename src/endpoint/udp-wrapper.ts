import { readU16be, writeU16be, writeU32be } from '../codec/bytes.js';
import { fold, ipv4HeaderChecksum, l4Checksum, pseudoHeaderSum, wordSum } from '../codec/checksum.js';
import { type DatagramView, TCP, TCP_HEADER_LENGTH, UDP, UDP_HEADER_LENGTH } from '../codec/datagram.js';
import type { Tuple } from '../codec/index.js';

/**
 * Wraps a TCP segment for a path that is not the original (paper, section 3.8.2): the IP header with the path's
 * addresses, a UDP header with the path's ports, the host's TCP header unchanged, the data. `out` needs 8 octets more
 * than the segment has. The UDP checksum is worked out from the TCP checksum, which says what the octets add up to: it is
 * as right or wrong as that one.
 * @returns the length in octets.
 */
export function wrap(view: DatagramView, tuple: Tuple, out: Uint8Array): number {
  const { bytes, offset, l4Offset, end, ipHeaderLength } = view;
  const length = end - offset + UDP_HEADER_LENGTH;
  out.set(bytes.subarray(l4Offset, end), ipHeaderLength + UDP_HEADER_LENGTH);
  out.set(bytes.subarray(offset, l4Offset), 0);
  out[9] = UDP;
  writeU16be(out, 2, length);
  writeU32be(out, 12, tuple.source);
  writeU32be(out, 16, tuple.destination);
  writeU16be(out, 10, ipv4HeaderChecksum(out, 0, ipHeaderLength));
  writeU16be(out, ipHeaderLength, tuple.sourcePort);
  writeU16be(out, ipHeaderLength + 2, tuple.destinationPort);
  writeU16be(out, ipHeaderLength + 4, length - ipHeaderLength);
  const segment = complement(pseudoHeaderSum(bytes, offset, TCP, end - l4Offset));
  const covered = wordSum(out, ipHeaderLength, ipHeaderLength + 6) + segment;
  const checksum = complement(covered + pseudoHeaderSum(out, 0, UDP, length - ipHeaderLength));
  writeU16be(out, ipHeaderLength + 6, checksum === 0 ? 0xffff : checksum);
  return length;
}

/** What makes a sum of words 0xffff. */
function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** True when the user data of a UDP datagram can be a TCP segment: a whole header whose length fits. */
export function holdsSegment(view: DatagramView): boolean {
  const room = view.end - view.payloadOffset;
  if (room < TCP_HEADER_LENGTH) return false;
  const headerLength = (view.bytes[view.payloadOffset + 12]! >>> 4) * 4;
  return headerLength >= TCP_HEADER_LENGTH && headerLength <= room;
}

/**
 * Takes the UDP header away again, in place, and gives the segment the addresses and ports of its session. The inner
 * TCP checksum covers the sender's addresses, which a NAT may have replaced, so it is computed anew; what the octets add
 * up to is known from the UDP checksum, which must have been verified.
 * @returns the length in octets.
 */
export function unwrap(view: DatagramView, inbound: Tuple): number {
  const { bytes, offset, l4Offset, payloadOffset, end } = view;
  const outer = pseudoHeaderSum(bytes, offset, UDP, end - l4Offset) + wordSum(bytes, l4Offset, payloadOffset);
  const isSummed = readU16be(bytes, l4Offset + 6) !== 0;
  bytes.copyWithin(l4Offset, payloadOffset, end);
  const length = end - offset - UDP_HEADER_LENGTH;
  // Without ports and checksum: what replaces them is added below.
  const rest = isSummed
    ? complement(outer) + complement(wordSum(bytes, l4Offset, l4Offset + 4) + readU16be(bytes, l4Offset + 16))
    : 0;
  bytes[offset + 9] = TCP;
  writeU16be(bytes, offset + 2, length);
  writeU32be(bytes, offset + 12, inbound.source);
  writeU32be(bytes, offset + 16, inbound.destination);
  writeU16be(bytes, offset + 10, ipv4HeaderChecksum(bytes, offset, l4Offset - offset));
  writeU16be(bytes, l4Offset, inbound.sourcePort);
  writeU16be(bytes, l4Offset + 2, inbound.destinationPort);
  const checksum = isSummed
    ? complement(
        rest + wordSum(bytes, l4Offset, l4Offset + 4) + pseudoHeaderSum(bytes, offset, TCP, offset + length - l4Offset),
      )
    : l4Checksum(bytes, offset, TCP, l4Offset, offset + length);
  writeU16be(bytes, l4Offset + 16, checksum);
  return length;
}

/** True when a UDP datagram's checksum is right or was not computed; a wrapped segment relies on it. */
export function hasSoundChecksum(view: DatagramView): boolean {
  const field = readU16be(view.bytes, view.l4Offset + 6);
  return field === 0 || field === l4Checksum(view.bytes, view.offset, UDP, view.l4Offset, view.end);
}
