import { type FieldName, flagName, formatIpv4, formatNodeId, TCP, TcpFlags } from '../codec/index.js';
import type { Micros } from './link.js';
import type { Observed } from './observed.js';
import { segmentOf } from './segment.js';

/** A duration in words, as a person reads it. */
export function inWords(duration: Micros): string {
  if (duration < 1000) return `${Math.round(duration)} µs`;
  return duration < 1_000_000 ? `${shortest(duration / 1000)} ms` : `${shortest(duration / 1_000_000)} s`;
}

/** A number with three digits at most behind the point. */
function shortest(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

/** A packet in a few words. */
export function describePacket(packet: Observed): string {
  const from = `${formatIpv4(packet.source)}:${packet.sourcePort}`;
  const { cm } = packet;
  const octets = `${packet.payload.length} octet${packet.payload.length === 1 ? '' : 's'} of user data`;
  const what = packet.protocol === TCP ? `TCP segment (${tcpFlagsOf(packet)})` : 'datagram';
  if (cm === undefined) return `an ordinary ${what} with ${octets} from ${from}`;
  const flags = `${flagName(cm.flags)} (${cm.flags})`;
  return `a ${what} with ${octets} and a control message: ${flags}, session ${cm.sessionId}, path ${cm.pathId}; from ${from}`;
}

/** The octets that `describePacket` is about: the CM, or else the user data, or the header when there is none. */
export function contentOf(packet: Observed): { octet: number; octets: number } {
  const { length } = packet.packet;
  if (packet.cm !== undefined) return { octet: packet.cmOffset, octets: length - packet.cmOffset };
  const octet = packet.payload.length > 0 ? packet.payloadOffset : packet.l4Offset;
  return octet < length ? { octet, octets: length - octet } : { octet: 0, octets: length };
}

function tcpFlagsOf(packet: Observed): string {
  const flags = segmentOf(packet)?.flags ?? 0;
  const names = (Object.keys(TcpFlags) as (keyof typeof TcpFlags)[]).filter((name) => (flags & TcpFlags[name]) !== 0);
  return names.length === 0 ? 'no flag' : names.join(' ').toUpperCase();
}

/** The addresses that a packet's CM lists, in words. */
export function addressesOf(packet: Observed | undefined): string {
  const list = packet?.cm?.localAddresses.filter((address) => address !== 0) ?? [];
  return list.length === 0 ? 'without an address' : list.map(formatIpv4).join(', ');
}

/** A value of a CM field, as a person names it: 'session id 77'. */
export function fieldValue(field: FieldName, value: number): string {
  if (field === 'nodeId') return `node id ${formatNodeId(value, value < 0x1_0000 ? 2 : 6)}`;
  if (field === 'flags') return `flags ${value} (${flagName(value)})`;
  return `${field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${value}`;
}

/** What a packet is expected to be, in the words of every case that expects it. */
export const EXPECTED = {
  query: 'a query: a packet with the flag enable (3)',
  confirm: 'a confirmation: a packet with the flag enabled (4)',
  heartbeat: 'a heartbeat: a packet with the flag heartbeat (2)',
  echo: 'the same user data from the echo service',
  fakeSyn: 'the SYN of a fake handshake: flag handshake (5), TCP flag SYN',
  withCm: 'a control message at the end of the packet',
  withoutCm: 'an ordinary packet, without a control message',
} as const;
