import type { Ipv4 } from '../codec/index.js';
import type { UpperTester } from './upper-tester.js';

/** Times and durations in whole microseconds. */
export type Micros = number;

/** How packets reach the peer. `socket`: the headers seen are rebuilt; `raw` and `virtual`: they are what was sent. */
export type LinkKind = 'socket' | 'raw' | 'virtual';

/** Gets a packet that arrived, and when that was on the link's clock: now unless given. */
export type Receive = (packet: Uint8Array, time?: Micros) => void;

/** Where the peer is. */
export interface Destination {
  readonly address: Ipv4;
  readonly port: number;
}

/** A UDP port of the tester on a link. */
export interface LinkPort {
  readonly address: Ipv4;
  readonly port: number;
  /** Sends a copy of `payload` as one UDP datagram now; returns the whole IPv4 datagram (on `socket`: as rebuilt). */
  send(to: Destination, payload: Uint8Array): Uint8Array;
  /** Stops handing packets over, for good: the peer floods. What arrives is thrown away. */
  deafen(): void;
  close(): void;
}

/** A port of the tester on raw IP: whole TCP segments and UDP datagrams in both directions. */
export interface RawPort {
  readonly address: Ipv4;
  readonly port: number;
  /** Sends a whole IPv4 datagram now; it need not come from this port. */
  send(packet: Uint8Array): void;
  /** Stops handing packets over, for good. */
  deafen(): void;
  close(): void;
}

/**
 * What became of a datagram sent to find out whether anything listens: `refused` by ICMP port unreachable, `no-route` when this
 * machine or a router knows no way.
 */
export type ReachAnswer = 'answered' | 'refused' | 'no-route' | 'silent';

/** The tester's end of a link for one case: own ports, own waits. On `virtual` also an own network and an own peer. */
export interface CaseLink {
  readonly kind: LinkKind;
  /** Local addresses that ports can be opened on; at least one. */
  readonly sources: readonly Ipv4[];
  /** The clock: microseconds from an arbitrary start. */
  now(): Micros;
  /** Microseconds since 1970-01-01 UTC when `now()` was 0, for evidence. */
  readonly epoch: number;
  /**
   * Opens a UDP port on `sources[index]` that no other case of the run has had; with `port`, the one of that number, which
   * the case has on another address. `receive` gets each whole IPv4 datagram that arrives.
   */
  open(index: number, receive: Receive, port?: number): Promise<LinkPort>;
  /**
   * As `open`, for TCP and UDP packets as they are on the wire.
   * @throws LinkError on `socket`, where no case asks for it.
   */
  openRaw(index: number, receive: Receive, port?: number): Promise<RawPort>;
  /** Makes the peer act; undefined when there is no way to. */
  readonly upper: UpperTester | undefined;
  /** Waits until `done()` is true, asked after every arrival, or until the clock is at `deadline`. */
  wait(deadline: Micros, done: () => boolean): Promise<void>;
  /** Sends an ordinary datagram in a way that shows ICMP errors, and waits at most `within` for what comes. */
  reach(to: Destination, within: Micros): Promise<ReachAnswer>;
  /** True when far more has happened than in any sound case; every wait then ends at once. */
  readonly isExhausted: boolean;
  /** Ends every wait now and lets none begin: the case is over. */
  stop(): void;
  /** Closes every port. Nothing that arrives later reaches anybody. */
  close(): void;
}

/** A way to the peer. */
export interface Link {
  readonly kind: LinkKind;
  /** Local addresses that ports can be opened on; at least one. */
  readonly sources: readonly Ipv4[];
  /** True when time is virtual: waiting costs nothing. */
  readonly isVirtual: boolean;
  /**
   * Longest time between a packet and its answer that is nobody's fault, in microseconds: what a case must tolerate. On live
   * links what was measured of late, so that it changes.
   */
  readonly slack: Micros;
  /** The greatest lateness, of this machine or of answers, since a time of the link's clock, in microseconds. */
  worstSince(time: Micros): Micros;
  /** Waits until `worstSince` knows of everything that was late so far. */
  settled(): Promise<void>;
  /** How long to wait for an answer that should come at once. */
  readonly patience: Micros;
  /** Whether cases have an upper tester. */
  readonly hasUpperTester: boolean;
  /** A number that is different in every live run and 0 in virtual ones, so that no live run meets the last one's state. */
  readonly nonce: number;
  /** A link for one case. `seed` is the case's. */
  openCase(seed: number): CaseLink;
  close(): void;
}

/** The network refused to send: the tester's surroundings are at fault, not the peer. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly code = 'link';
}
