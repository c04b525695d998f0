import { readU16be } from '../codec/bytes.js';
import { l4Checksum, TCP, UDP } from '../codec/index.js';
import type { Observed } from './observed.js';

/**
 * Whether the TCP or UDP checksum of a packet is right; `unverified` where it says nothing: not computed by the sender (UDP 0), or
 * rebuilt by the link.
 */
export function checksumState(packet: Observed, headersAreReal: boolean): 'good' | 'bad' | 'unverified' {
  const { protocol, l4Offset } = packet;
  if (!headersAreReal || (protocol !== TCP && protocol !== UDP)) return 'unverified';
  const octets = packet.packet;
  const total = Math.min(octets.length, readU16be(octets, 2));
  const field = l4Offset + (protocol === TCP ? 16 : 6);
  if (field + 2 > total) return 'unverified';
  const stated = readU16be(octets, field);
  if (protocol === UDP && stated === 0) return 'unverified';
  return l4Checksum(octets, 0, protocol, l4Offset, total) === stated ? 'good' : 'bad';
}
