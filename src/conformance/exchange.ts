import { FLAG_NAMES, formatIpv4 } from '../codec/index.js';
import type { SequencePacket } from '../html/sequence.js';
import type { Micros } from './link.js';
import type { Observed } from './observed.js';

/** A packet of a case as a sequence diagram shows it: frames are those of its evidence, times begin with the case. */
export type ExchangePacket = SequencePacket;

/** Packets that are shown of a case at most: the first ones and those before and at the deciding ones. */
const FIRST = 6;
const LAST = 18;

/** The packets of a case that explain its verdict; frames that are left out show as gaps in `frame`. */
export function exchangeOf(
  packets: readonly Observed[],
  deciding: readonly Observed[],
  began: Micros,
): ExchangePacket[] {
  const end = deciding.reduce((last, packet) => Math.max(last, packet.frame), deciding.length > 0 ? 0 : packets.length);
  const from = Math.max(FIRST, end - LAST);
  return packets
    .filter(
      (packet) => packet.frame <= FIRST || (packet.frame > from && packet.frame <= end) || deciding.includes(packet),
    )
    .map((packet) => toExchange(packet, deciding.includes(packet), began));
}

function toExchange(packet: Observed, decides: boolean, began: Micros): ExchangePacket {
  const { frame, time, direction, cm } = packet;
  const source = `${formatIpv4(packet.source)}:${packet.sourcePort}`;
  const destination = `${formatIpv4(packet.destination)}:${packet.destinationPort}`;
  const isSent = direction === 'sent';
  return {
    frame,
    timeMs: Math.round(time - began) / 1000,
    direction,
    tester: isSent ? source : destination,
    peer: isSent ? destination : source,
    octets: packet.payload.length,
    cm:
      cm === undefined
        ? null
        : {
            flags: FLAG_NAMES[cm.flags] ?? `flags ${cm.flags}`,
            sessionId: cm.sessionId,
            pathId: cm.pathId,
            feedbackPathId: cm.feedbackPathId,
          },
    decides,
  };
}
