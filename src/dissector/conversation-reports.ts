import type { TrackerEvent } from './tracker/events.js';

/** An address of a node and when it was seen; seconds since the first packet of the capture, as everywhere below. */
export interface AddressReport {
  readonly address: string;
  readonly first: number;
  readonly last: number;
}

/** A node: what its own packets show. */
export interface NodeReport {
  readonly 'mpip.node_id': string;
  readonly 'mpip.layout': 'compact' | 'full';
  readonly first: number;
  readonly last: number;
  /** Packets with a CM. */
  readonly packets: number;
  readonly flags: Readonly<Record<string, number>>;
  /** Addresses it sent from, as this side of any NAT sees them. */
  readonly seen: readonly AddressReport[];
  /** Addresses in its lists. */
  readonly announced: readonly AddressReport[];
  /** Runs of packets with flags ip-change. */
  readonly addressChanges: number;
  readonly clock: {
    /** Microseconds of a tick: the unit that fits, 1 before half a second has passed. */
    readonly tickMicros: number;
    /** Parts per million by which it runs faster than the capture's clock; null before a second has passed. */
    readonly drift: number | null;
    /** Jumps by more than a minute. */
    readonly steps: number;
  };
}

/** Delays in microseconds above the smallest; null when there is no sample. */
export interface DelayReport {
  readonly samples: number;
  readonly latest: number;
  readonly mean: number;
  readonly max: number;
}

/** A path of a session, as its sender numbers it. */
export interface PathReport {
  readonly 'mpip.path_id': number;
  readonly source: string;
  readonly destination: string;
  /** TCP inside UDP. */
  readonly wrapper: boolean;
  readonly first: number;
  readonly last: number;
  readonly packets: number;
  /** User data, octets. */
  readonly bytes: number;
  /** Part of the sender's packets in the session, 0 to 1. */
  readonly share: number;
  readonly heartbeats: number;
  readonly ipChange: number;
  /** From the sender's timestamps to the capture: what is above the smallest. */
  readonly oneWay: DelayReport | null;
  /** As the receiver fed it back. */
  readonly feedback: DelayReport | null;
  /** Queuing delay Q = D - Dmin at the end, and the largest, microseconds; null without feedback. */
  readonly queuing: { readonly latest: number; readonly max: number } | null;
  /** What Algorithm 1 makes of the delays fed back, 1 to 1000, and its part of the sum; null for path id 0. */
  readonly weight: number | null;
  readonly weightShare: number | null;
}

/** What one end sends in a session. */
export interface DirectionReport {
  readonly 'mpip.node_id': string;
  /** Its own tuple of the session, as the capture sees it. */
  readonly source: string;
  readonly destination: string;
  readonly first: number;
  readonly last: number;
  readonly packets: number;
  readonly bytes: number;
  /** First packet with a path id; null when it never took one. */
  readonly multipathSince: number | null;
  readonly heartbeats: { readonly packets: number; readonly longestGap: number };
  readonly ipChange: number;
  /** TCP: segments that were overtaken, by how many octets and how long at most; and that were sent again. */
  readonly reordered: { readonly segments: number; readonly octets: number; readonly seconds: number };
  readonly retransmitted: number;
  readonly paths: readonly PathReport[];
}

/** A session: one connection between two nodes. */
export interface SessionReport {
  /** Its number in this capture, from 1 in the order seen. */
  readonly number: number;
  readonly 'mpip.session_id': number;
  readonly protocol: 'tcp' | 'udp';
  /** The nodes; the first was seen using the id first. A node that sent nothing is null. */
  readonly nodes: readonly [string, string | null];
  readonly first: number;
  readonly last: number;
  /** True when another connection took the id over. */
  readonly ended: boolean;
  readonly directions: readonly DirectionReport[];
}

/** Queries, confirmations and fake TCP handshakes between one address and port and another. */
export interface HandshakeReport {
  readonly source: string;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp';
  readonly 'mpip.node_id': string;
  /** First packet of the flow, with or without CM. */
  readonly first: number;
  readonly queries: number;
  readonly firstQuery: number | null;
  readonly lastQuery: number | null;
  readonly confirmations: number;
  readonly firstConfirmation: number | null;
  /** Fake TCP: null when no packet of it was seen. */
  readonly fake: {
    readonly 'mpip.session_id': number;
    readonly syns: number;
    readonly synAcks: number;
    readonly acks: number;
    readonly firstSyn: number | null;
    readonly firstSynAck: number | null;
    readonly firstAck: number | null;
    /** False when a number that was to be acknowledged was not; null when there was nothing to. */
    readonly acknowledges: boolean | null;
  } | null;
}

/** Something rare, in words. */
export interface EventReport {
  readonly time: number;
  readonly 'frame.number': number;
  readonly kind: TrackerEvent['kind'];
  readonly 'mpip.node_id': string;
  readonly text: string;
}

/** The capture as a whole. */
export interface CaptureReport {
  readonly packets: number;
  readonly bytes: number;
  /** Packets with a CM. */
  readonly mpip: number;
  readonly sessionCount: number;
  /** Seconds since 1970 with 9 decimals; null for an empty capture. */
  readonly firstEpoch: string | null;
  /** Seconds from the first packet to the last. */
  readonly duration: number;
  /** What there was no room to remember: packets with a CM, flows without one, events. */
  readonly notRemembered: { readonly packets: number; readonly plainFlows: number; readonly events: number };
}
