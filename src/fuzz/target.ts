import type { Ipv4 } from '../codec/index.js';

/** Times and durations in whole microseconds. */
export type Micros = number;

/** Where the peer is and which addresses everybody else of an exchange has. */
export interface Surroundings {
  readonly peer: Ipv4;
  /** UDP port of the peer's echo service. */
  readonly echoPort: number;
  /** UDP port of a service that answers nothing, when there is one. */
  readonly discardPort: number | undefined;
  /** TCP port of the peer's echo service; undefined when whole packets cannot be sent. */
  readonly tcpPort: number | undefined;
  /** Addresses of the well-behaved node, two or one. */
  readonly bystander: readonly Ipv4[];
  /** Addresses of each fuzzed node, two or one. */
  readonly actors: readonly (readonly Ipv4[])[];
  /** Addresses that are nobody's: a fuzzed node may list them. */
  readonly strangers: readonly Ipv4[];
  /** Addresses of nobody that packets of fuzzed nodes may pretend to come from. */
  readonly forged: readonly Ipv4[];
  /** True when no two nodes share an address, so that one that passes for another can be told from it. */
  readonly isSeparate: boolean;
}

/** A packet that came from the peer. */
export interface Arrival {
  readonly time: Micros;
  readonly packet: Uint8Array;
}

/** Why a peer is no more. */
export interface Death {
  /** Name of an error, a signal or an exit code: one word. */
  readonly kind: string;
  readonly text: string;
}

/** A peer that can be fuzzed. */
export interface Target {
  /** `virtual`: in this process, in virtual time; `socket`: over UDP sockets, headers rebuilt; `raw`: whole packets. */
  readonly kind: 'virtual' | 'socket' | 'raw';
  readonly surroundings: Surroundings;
  /** The target as a person would name it. */
  readonly name: string;
  /** True when `reset` gives a peer without memory of what was. */
  readonly canReset: boolean;
  /** The time. */
  now(): Micros;
  /** Longest time between a packet and its answer that is nobody's fault. */
  readonly patience: Micros;
  /** A peer without memory, where possible, and new ports. `seed` decides every choice that the target makes. */
  reset(seed: number): Promise<void> | undefined;
  /** Gets ready for an exchange: nothing of an earlier one arrives any more. `seed` as for `reset`. */
  begin(seed: number): Promise<void> | undefined;
  /** A source port of the exchange; the same number for the same `index`. */
  port(index: number): number;
  /** Sends a whole IPv4 datagram, whose octets stay as they are, from one of the addresses of the surroundings. */
  send(packet: Uint8Array): void;
  /** Waits when more was sent than the rate allows. */
  pace?(): Promise<void> | undefined;
  /** Lets time pass up to `deadline`, or until something has arrived. */
  pass(deadline: Micros): Promise<void> | undefined;
  /** What arrived since the last call, in order. */
  take(): Arrival[];
  /** Why the peer is no more; undefined while it lives, or when nobody can tell. */
  readonly death: Death | undefined;
  /** Octets of memory that the peer uses; undefined when unknown. A peer in virtual time ends with that: `reset` gives another. */
  memory(): number | undefined | Promise<number | undefined>;
  /** What the peer has printed lately, where it is supervised. */
  output?(): string;
  close(): Promise<void> | undefined;
}

/** The surroundings are at fault, not the peer: `port` cannot be used, or the peer does not `start`. */
export class TargetError extends Error {
  override readonly name = 'TargetError';

  constructor(
    readonly code: 'port' | 'start',
    message: string,
  ) {
    super(message);
  }
}
