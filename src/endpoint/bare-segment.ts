import { writeU16be } from '../codec/bytes.js';
import { ipv4HeaderChecksum, l4Checksum } from '../codec/checksum.js';
import { type DatagramView, TCP, TcpFlags } from '../codec/index.js';

/** True for a segment whose header alone is an acknowledgement and nothing else: no SYN, FIN or RST. */
export function isBareable({ tcpFlags }: DatagramView): boolean {
  return (tcpFlags & (TcpFlags.syn | TcpFlags.fin | TcpFlags.rst | TcpFlags.ack)) === TcpFlags.ack;
}

/**
 * Writes a segment without its user data: the same numbers, window and options, of the flags ACK alone. For a host it is an
 * acknowledgement that it has already.
 * @returns the length in octets, 120 at most.
 */
export function bareSegment(view: DatagramView, out: Uint8Array): number {
  const { bytes, offset, l4Offset, payloadOffset, ipHeaderLength } = view;
  const length = payloadOffset - offset;
  const tcp = l4Offset - offset;
  out.set(bytes.subarray(offset, payloadOffset));
  writeU16be(out, 2, length);
  writeU16be(out, 10, ipv4HeaderChecksum(out, 0, ipHeaderLength));
  out[tcp + 13] = TcpFlags.ack;
  writeU16be(out, tcp + 18, 0);
  writeU16be(out, tcp + 16, l4Checksum(out, 0, TCP, tcp, length));
  return length;
}
