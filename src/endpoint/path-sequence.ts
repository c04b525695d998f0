import { readU16be, writeU16be, writeU32be } from '../codec/bytes.js';
import { fold, ipv4HeaderChecksum, pseudoHeaderSum, wordSum } from '../codec/checksum.js';
import { type DatagramView, TCP, TCP_HEADER_LENGTH } from '../codec/datagram.js';
import { TcpFlags, type Tuple } from '../codec/index.js';
import { PATH_HEADER, PATH_SEQUENCE_OPTION } from '../codec/path-sequence.js';

/** What a path says of its window, to be scaled by what the SYN said. */
const WINDOW = 65535;

/** The numbers of one path, modulo 2^32: what a NAT on it sees of a TCP connection (docs/wire-format.md, docs/decisions.md 64). */
export interface PathNumbers {
  /** Sequence number of the next octet that is sent on the path. */
  next: number;
  /** One past the highest sequence number that came by the path. */
  received: number;
}

/**
 * Puts a host's segment, its TCP header included, behind a TCP header of the path. `out` needs `PATH_HEADER` octets more
 * than the segment has. The outer checksum is worked out from the inner one, which says what the octets add up to: it is
 * as right or wrong as that one.
 * @returns the length in octets, without the CM that follows.
 */
export function number(view: DatagramView, tuple: Tuple, numbers: PathNumbers, out: Uint8Array): number {
  const { bytes, offset, l4Offset, end, ipHeaderLength } = view;
  const length = end - offset + PATH_HEADER;
  const at = ipHeaderLength;
  out.set(bytes.subarray(l4Offset, end), at + PATH_HEADER);
  out.set(bytes.subarray(offset, l4Offset), 0);
  writeU16be(out, 2, length);
  writeU32be(out, 12, tuple.source);
  writeU32be(out, 16, tuple.destination);
  writeU16be(out, 10, ipv4HeaderChecksum(out, 0, ipHeaderLength));
  writeU16be(out, at, tuple.sourcePort);
  writeU16be(out, at + 2, tuple.destinationPort);
  writeU32be(out, at + 4, numbers.next);
  writeU32be(out, at + 8, numbers.received);
  out[at + 12] = PATH_HEADER << 2;
  out[at + 13] = TcpFlags.ack | TcpFlags.psh;
  writeU16be(out, at + 14, WINDOW);
  writeU32be(out, at + 16, 0);
  out.set(PATH_SEQUENCE_OPTION, at + TCP_HEADER_LENGTH);
  const segment = complement(pseudoHeaderSum(bytes, offset, TCP, end - l4Offset));
  const covered = wordSum(out, at, at + PATH_HEADER) + segment;
  writeU16be(out, at + 16, complement(covered + pseudoHeaderSum(out, 0, TCP, length - at)));
  return length;
}

/** Notes what came by a path: `end` is where the packet with its CM ended. */
export function noteNumbers(numbers: PathNumbers, view: DatagramView, end: number): void {
  const past = (view.sequence + end - view.payloadOffset) >>> 0;
  if (((past - numbers.received) | 0) > 0) numbers.received = past;
}

/**
 * Takes the path's TCP header away again, in place, and gives the segment the addresses and ports of its session. What the
 * octets add up to is known from the outer checksum, so that a damaged segment stays damaged.
 * @returns the length in octets.
 */
export function unnumber(view: DatagramView, inbound: Tuple): number {
  const { bytes, offset, l4Offset, payloadOffset, end } = view;
  const outer = pseudoHeaderSum(bytes, offset, TCP, end - l4Offset) + wordSum(bytes, l4Offset, payloadOffset);
  bytes.copyWithin(l4Offset, payloadOffset, end);
  const length = end - offset - (payloadOffset - l4Offset);
  // Without ports and checksum: what replaces them is added below.
  const rest = complement(outer) + complement(wordSum(bytes, l4Offset, l4Offset + 4) + readU16be(bytes, l4Offset + 16));
  writeU16be(bytes, offset + 2, length);
  writeU32be(bytes, offset + 12, inbound.source);
  writeU32be(bytes, offset + 16, inbound.destination);
  writeU16be(bytes, offset + 10, ipv4HeaderChecksum(bytes, offset, l4Offset - offset));
  writeU16be(bytes, l4Offset, inbound.sourcePort);
  writeU16be(bytes, l4Offset + 2, inbound.destinationPort);
  const known = rest + wordSum(bytes, l4Offset, l4Offset + 4);
  writeU16be(bytes, l4Offset + 16, complement(known + pseudoHeaderSum(bytes, offset, TCP, offset + length - l4Offset)));
  return length;
}

/** What makes a sum of words 0xffff. */
function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}
