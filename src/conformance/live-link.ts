import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { buildUdp, formatIpv4, type Ipv4, TCP, UDP } from '../codec/index.js';
import { Lateness, UNKNOWN_SLACK } from './lateness.js';
import {
  type CaseLink,
  type Destination,
  type Link,
  LinkError,
  type LinkPort,
  type Micros,
  type RawPort,
  type ReachAnswer,
  type Receive,
} from './link.js';
import { FreshPorts, reachBySocket } from './live-sources.js';
import { LiveWaits } from './live-waits.js';
import { DEFAULT_RATE, Pacer } from './pacer.js';
import { Pulse } from './pulse.js';
import type { CaseUpperTester, UpperTesterSource } from './upper-tester.js';

/** Settings of every live link. */
export interface LiveLinkOptions {
  /** The peer: decides which local address the system would use. */
  readonly peer: Destination;
  /**
   * Its echo service for ordinary datagrams: how soon they are answered decides what lateness cases tolerate (`slack`).
   * Without one 300 ms are allowed for.
   */
  readonly echo?: Destination;
  /**
   * Local addresses. Default: for a peer on loopback two random ones of 127.0.0.0/8 where the system allows it, so that
   * no run meets what the peer remembers of an earlier one; else the address that the system chooses for the peer.
   */
  readonly sources?: readonly Ipv4[];
  /** How long an answer that should come at once is waited for, in microseconds. Default 1 s. */
  readonly patience?: Micros;
  /** Most packets a second; default 4000. */
  readonly rate?: number;
  /** Makes the peer act. */
  readonly upper?: UpperTesterSource;
}

/** An answer that should come at once is waited for so many times longer as it may be later than usual. */
const SLACKS_OF_PATIENCE = 3;

/** The protocols that a port is for. */
export type Protocols = readonly (typeof TCP | typeof UDP)[];

/** A port that the system gave, until `release`. */
export interface HeldPort {
  readonly port: number;
  /** Hands over what arrives from now on, until the returned function is called. */
  hear(receive: Receive): () => void;
  release(): void;
}

const UDP_ONLY: Protocols = [UDP];
const BOTH: Protocols = [TCP, UDP];

/** What links on the wall clock have in common: rate, lateness, and which ports were used. */
export abstract class LiveLink implements Link {
  abstract readonly kind: 'socket' | 'raw';
  readonly isVirtual = false;
  readonly nonce = randomInt(1, 2 ** 32);
  readonly ports = new FreshPorts();
  readonly pacer: Pacer;
  readonly lateness = new Lateness(microsNow);
  readonly upper: UpperTesterSource | undefined;
  readonly #pulse: Pulse;

  protected constructor(
    readonly sources: readonly Ipv4[],
    private readonly options: LiveLinkOptions,
  ) {
    this.upper = options.upper;
    this.pacer = new Pacer(options.rate ?? DEFAULT_RATE, microsNow);
    this.#pulse = new Pulse(this.lateness, this.pacer);
  }

  get hasUpperTester(): boolean {
    return this.upper !== undefined;
  }

  get slack(): Micros {
    return this.lateness.slack;
  }

  /** As given, and longer where answers were that late of late. */
  get patience(): Micros {
    const given = this.options.patience ?? 1_000_000;
    return given + SLACKS_OF_PATIENCE * Math.max(0, this.slack - UNKNOWN_SLACK);
  }

  worstSince(time: Micros): Micros {
    return this.lateness.worstSince(time);
  }

  settled(): Promise<void> {
    return this.#pulse.settled();
  }

  abstract openCase(seed: number): CaseLink;

  /** Begins to find out how late everything is. */
  protected async begin(): Promise<void> {
    await this.#pulse.begin(this.sources[0]!, this.options.echo);
  }

  close(): void {
    this.#pulse.close();
    this.pacer.close();
    this.upper?.close();
  }
}

/** A case's end of a live link: opens ports and closes all of them in the end. */
export abstract class LiveCaseLink<Held extends HeldPort> implements CaseLink {
  readonly isExhausted = false;
  readonly sources: readonly Ipv4[];
  readonly #waits = new LiveWaits();
  readonly #closers = new Set<() => void>();
  #upper: CaseUpperTester | undefined;
  #closed = false;

  constructor(private readonly live: LiveLink) {
    this.sources = live.sources;
  }

  get kind(): 'socket' | 'raw' {
    return this.live.kind;
  }

  get epoch(): number {
    return this.#waits.epoch;
  }

  get upper(): CaseUpperTester | undefined {
    this.#upper ??= this.live.upper?.open();
    return this.#upper;
  }

  /** True from when the case is over: nothing is sent any more. */
  protected get isClosed(): boolean {
    return this.#closed;
  }

  now(): Micros {
    return this.#waits.now();
  }

  /**
   * Takes a port of the system; undefined when somebody has it.
   * @throws LinkError when the address cannot be used.
   */
  protected abstract hold(
    protocols: Protocols,
    address: Ipv4,
    port: number,
  ): Held | undefined | Promise<Held | undefined>;

  /** Sends a datagram from a port, as a whole packet or as what it carries. */
  protected abstract transmit(from: Held, to: Destination, packet: Uint8Array, payload: Uint8Array): void;

  /** Sends a whole packet by the way of an own address. */
  protected abstract transmitRaw(packet: Uint8Array, source: Ipv4): void;

  async open(index: number, receive: Receive, number?: number): Promise<LinkPort> {
    const { held, ...opened } = await this.#open(UDP_ONLY, index, receive, number);
    const { address, port } = opened;
    let identification = port & 0xff;
    return {
      ...opened,
      send: (to: Destination, payload: Uint8Array): Uint8Array => {
        const tuple = { source: address, sourcePort: port, destination: to.address, destinationPort: to.port };
        identification = (identification % 0xffff) + 1;
        const packet = buildUdp(tuple, payload, { identification });
        if (!this.#closed) this.transmit(held, to, packet, payload);
        return packet;
      },
    };
  }

  async openRaw(index: number, receive: Receive, number?: number): Promise<RawPort> {
    const { held: _held, ...opened } = await this.#open(BOTH, index, receive, number);
    return {
      ...opened,
      send: (packet) => {
        if (!this.#closed) this.transmitRaw(packet, opened.address);
      },
    };
  }

  wait(deadline: Micros, done: () => boolean): Promise<void> {
    return this.#waits.wait(deadline + this.live.pacer.lateness, done);
  }

  reach(to: Destination, within: Micros): Promise<ReachAnswer> {
    return reachBySocket(this.sources[0]!, to, within);
  }

  stop(): void {
    this.#waits.stop();
  }

  close(): void {
    this.#closed = true;
    this.stop();
    this.#upper?.release();
    for (const close of this.#closers) close();
  }

  /** Calls `release` when the case closes. */
  protected onClose(release: () => void): void {
    this.#closers.add(release);
  }

  async #open(protocols: Protocols, index: number, receive: Receive, number: number | undefined) {
    const address = this.sources[index];
    if (address === undefined) throw new LinkError(`There is no local address number ${index}.`);
    const held =
      number === undefined
        ? await this.live.ports.take(address, (free) => this.hold(protocols, address, free))
        : await this.hold(protocols, address, number);
    if (held === undefined) throw new LinkError(`Port ${number} of ${formatIpv4(address)} is not free.`);
    if (this.#closed) {
      held.release();
      throw new LinkError('The case was over before its port was open.');
    }
    const deafen = held.hear((packet, time) => {
      receive(packet, time);
      this.#waits.arrived();
    });
    const close = () => {
      if (!this.#closers.delete(close)) return;
      deafen();
      held.release();
    };
    this.#closers.add(close);
    return { address, port: held.port, held, deafen, close };
  }
}

/** Microseconds of the monotonic clock. */
export function microsNow(): Micros {
  return Math.round(performance.now() * 1000);
}
