import { readU32be, writeU16be, writeU32be } from '../codec/bytes.js';
import { fold, ipv4HeaderChecksum, wordSum } from '../codec/checksum.js';
import type { Ipv4 } from '../codec/index.js';

const ICMP = 1;
const UNREACHABLE = 3;
const FRAGMENTATION_NEEDED = 4;

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
