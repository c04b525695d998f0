import { FLAG_NAMES, formatIpv4 } from '../codec/index.js';
import type { Micros } from './link.js';
import type { Observed } from './observed.js';

/** A packet of a case as a sequence diagram shows it. */
export interface ExchangePacket {
  /** Position in the case's evidence, from 1. */
  readonly frame: number;
  /** Milliseconds since the case began, on the link's clock. */
  readonly timeMs: number;
  readonly direction: 'sent' | 'received';
  /** The tester's end: `127.0.0.5:40000`. */
  readonly tester: string;
  /** The peer's end. */
  readonly peer: string;
  /** Octets of user data. */
  readonly octets: number;
  /** The control message; null for an ordinary packet. */
  readonly cm: {
    readonly flags: string;
    readonly sessionId: number;
    readonly pathId: number;
    readonly feedbackPathId: number;
  } | null;
  /** True for a packet that the verdict rests on. */
  readonly decides: boolean;
}

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
