import { readU32be } from '../codec/bytes.js';
import type { Ipv4 } from '../codec/index.js';
import { Random } from '../codec/random.js';
import { EventQueue } from './event-queue.js';

/** A host on the virtual network. Times are microseconds of the network's clock. */
export interface VirtualHost {
  /** The addresses that datagrams reach it by. */
  readonly addresses: readonly Ipv4[];
  /** A datagram arrived; `packet` is the host's to keep. */
  receive(packet: Uint8Array, now: number): void;
  /** Runs due work; returns when to be called again, `Infinity` for not before the next packet. */
  poll(now: number): number;
  /** Hands over every datagram that is to be sent, in order; `send` copies. */
  drain(send: (packet: Uint8Array) => void): void;
}

/** How the network treats a datagram on its way. */
export interface LinkOptions {
  /** One-way delay in microseconds. Default 50. */
  readonly delayMicros?: number;
  /** Largest random extra delay in microseconds, uniform; reorders when larger than the gaps. Default 0. */
  readonly jitterMicros?: number;
  /** Probability of loss, 0..1. Default 0. */
  readonly loss?: number;
  /** Probability that a datagram arrives twice, 0..1. Default 0. */
  readonly duplication?: number;
}

/** What happened to one datagram, for whoever records the network. */
export interface NetworkEvent {
  readonly kind: 'sent' | 'lost' | 'delivered' | 'unreachable';
  readonly time: number;
  readonly packet: Uint8Array;
}

interface Attached {
  readonly host: VirtualHost;
  /** When the host asked to be polled; an older entry of the queue is void. */
  wakeAt: number;
}

/**
 * A network in virtual time: hosts with addresses on one cloud, links with delay, jitter, loss and duplication. Seeded
 * and deterministic: the same hosts, calls and seed give the same packets at the same times.
 */
export class VirtualNetwork {
  /** Microseconds since the network began, plus `startMicros`. */
  now: number;
  /**
   * What a datagram from one address to another meets instead of the network's own link; undefined for no difference,
   * `down` for nothing arrives. May be set and changed at any time.
   */
  route: ((source: Ipv4, destination: Ipv4) => LinkOptions | 'down' | undefined) | undefined;
  /** Called for every datagram, when set. */
  observer: ((event: NetworkEvent) => void) | undefined;

  readonly #queue = new EventQueue();
  readonly #hosts: Attached[] = [];
  readonly #byAddress = new Map<Ipv4, Attached>();
  readonly #random: Random;
  readonly #link: Required<LinkOptions>;

  constructor(options: LinkOptions & { seed?: number; startMicros?: number } = {}) {
    this.#random = new Random(options.seed ?? 1);
    this.now = options.startMicros ?? 0;
    this.#link = {
      delayMicros: options.delayMicros ?? 50,
      jitterMicros: options.jitterMicros ?? 0,
      loss: options.loss ?? 0,
      duplication: options.duplication ?? 0,
    };
  }

  /**
   * Adds a host.
   * @throws RangeError when one of its addresses is taken.
   */
  attach(host: VirtualHost): void {
    const attached: Attached = { host, wakeAt: Number.POSITIVE_INFINITY };
    for (const address of host.addresses) {
      if (this.#byAddress.has(address)) throw new RangeError(`Address ${address >>> 0} is already on the network.`);
      this.#byAddress.set(address, attached);
    }
    this.#hosts.push(attached);
    this.#serve(attached);
  }

  /** Lets a host's work be noticed that was caused from outside, by a call rather than a packet. */
  wake(host: VirtualHost): void {
    const attached = this.#hosts.find((candidate) => candidate.host === host);
    if (attached) this.#serve(attached);
  }

  /** Puts a datagram on the network now. The octets are copied. */
  send(packet: Uint8Array): void {
    const copy = packet.slice();
    this.observer?.({ kind: 'sent', time: this.now, packet: copy });
    const special = packet.length >= 20 ? this.route?.(readU32be(packet, 12), readU32be(packet, 16)) : undefined;
    const link = special === undefined || special === 'down' ? this.#link : { ...this.#link, ...special };
    const copies = this.#chance(link.duplication) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (special === 'down' || this.#chance(link.loss)) {
        this.observer?.({ kind: 'lost', time: this.now, packet: copy });
        continue;
      }
      const jitter = link.jitterMicros > 0 ? this.#random.below(link.jitterMicros + 1) : 0;
      this.#queue.push(this.now + link.delayMicros + jitter, () => this.#deliver(i === 0 ? copy : copy.slice()));
    }
  }

  /** Calls `action` when the clock reaches `time`. */
  at(time: number, action: () => void): void {
    this.#queue.push(Math.max(time, this.now), action);
  }

  /** When the next thing happens; `Infinity` when nothing ever will. */
  get nextEventAt(): number {
    return this.#queue.nextTime;
  }

  /** Moves the clock to the next event and lets it happen, unless it lies after `deadline`; false when it does. */
  step(deadline = Number.POSITIVE_INFINITY): boolean {
    const time = this.#queue.nextTime;
    if (time > deadline || time === Number.POSITIVE_INFINITY) return false;
    this.now = Math.max(this.now, time);
    this.#queue.pop()();
    return true;
  }

  /** Lets everything happen up to `time` and moves the clock there. */
  runUntil(time: number): void {
    while (this.step(time));
    this.now = Math.max(this.now, time);
  }

  #chance(probability: number): boolean {
    return probability > 0 && this.#random.next() < probability;
  }

  #deliver(packet: Uint8Array): void {
    const attached = packet.length >= 20 ? this.#byAddress.get(readU32be(packet, 16)) : undefined;
    this.observer?.({ kind: attached ? 'delivered' : 'unreachable', time: this.now, packet });
    if (attached === undefined) return;
    attached.host.receive(packet, this.now);
    this.#serve(attached);
  }

  /** Runs a host's due work, sends what it wants to send and notes when it wants to be called. */
  #serve(attached: Attached): void {
    const next = attached.host.poll(this.now);
    attached.host.drain((packet) => this.send(packet));
    attached.wakeAt = next;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#queue.push(Math.max(next, this.now + 1), () => {
      if (attached.wakeAt === next) this.#serve(attached);
    });
  }
}
