import { readI32be, readU32be } from '../codec/bytes.js';
import type { Ipv4 } from '../codec/index.js';
import { Random } from '../codec/random.js';
import { Slab } from '../codec/slab.js';
import { type Action, EventQueue } from './event-queue.js';
import { type ClockOptions, HostClock } from './host-clock.js';
import { type Link, type NetworkNode, Port } from './node.js';
import { type LinkOptions, Wire } from './wire.js';

export type { ClockOptions } from './host-clock.js';
export type { Link, NetworkNode, Port } from './node.js';
export type { LinkOptions } from './wire.js';

/** A host on the virtual network. Times are microseconds of the host's clock, which is the network's unless it was attached with another. */
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

/** For the datagrams of all networks: many are made for a few datagrams each. */
const copies = new Slab();

/** What happened to one datagram, for whoever records the network. */
export interface NetworkEvent {
  readonly kind: 'sent' | 'lost' | 'delivered' | 'unreachable';
  readonly time: number;
  readonly packet: Uint8Array;
}

interface Attached {
  readonly host: VirtualHost;
  readonly clock: HostClock;
  /** When the host asked to be polled, in network time; an older entry of the queue is void. */
  wakeAt: number;
}

/** An interface of a host with a link of its own. */
export class Nic implements NetworkNode {
  /** False while the interface takes nothing in and lets nothing out. */
  isUp = true;
  #port: Port | undefined;

  constructor(private readonly up: (packet: Uint8Array) => void) {}

  connected(port: Port): void {
    this.#port = port;
  }

  arrive(packet: Uint8Array): void {
    if (this.isUp) this.up(packet);
  }

  /** Sends a datagram by the interface's link. */
  send(packet: Uint8Array): void {
    if (this.isUp) this.#port?.send(packet);
  }
}

/**
 * A network in virtual time. A host's addresses are on one cloud, where everybody reaches everybody by one kind of link,
 * or on interfaces of their own (`plug`) that links lead from to routers, NATs and other interfaces (`link`). A host's
 * datagram leaves by the interface of its source address. Seeded and deterministic: the same hosts, calls and seed give
 * the same packets at the same times; nothing waits for real time.
 */
export class VirtualNetwork {
  /** Microseconds since the network began, plus `startMicros`. */
  now: number;
  /**
   * What a datagram from one address to another meets instead of the network's own link; undefined for no difference,
   * `down` for nothing arrives. May be set and changed at any time. One object is one link: its rate and queue are
   * shared by everything that it is given for, and it is read once.
   */
  route: ((source: Ipv4, destination: Ipv4) => LinkOptions | 'down' | undefined) | undefined;
  /** Called for every datagram, when set. */
  observer: ((event: NetworkEvent) => void) | undefined;

  readonly #queue = new EventQueue();
  readonly #hosts: Attached[] = [];
  // By addresses as signed numbers: others above 2^31 would each take a place on the heap.
  readonly #byAddress = new Map<number, Attached>();
  readonly #nics = new Map<number, Nic>();
  readonly #random: Random;
  readonly #options: LinkOptions;
  readonly #cloud: Wire;
  readonly #send = (packet: Uint8Array) => this.send(packet);
  /** Links of the cloud that `route` gave, by the object it gave. */
  readonly #special = new WeakMap<LinkOptions, Wire>();

  constructor(options: LinkOptions & { seed?: number; startMicros?: number } = {}) {
    this.#random = new Random(options.seed ?? 1);
    this.now = options.startMicros ?? 0;
    this.#options = options;
    this.#cloud = this.#wire(options, (packet) => this.#deliver(packet));
  }

  /**
   * Adds a host, with a clock of its own when one is given.
   * @throws RangeError when one of its addresses is taken.
   */
  attach(host: VirtualHost, clock: ClockOptions = {}): void {
    const attached: Attached = {
      host,
      clock: new HostClock(clock, this.now),
      wakeAt: Number.POSITIVE_INFINITY,
    };
    for (const address of host.addresses) {
      if (this.#byAddress.has(address | 0) || this.#nics.has(address | 0))
        throw new RangeError(`Address ${address >>> 0} is already on the network.`);
      this.#byAddress.set(address | 0, attached);
    }
    this.#hosts.push(attached);
    this.#serve(attached);
  }

  /**
   * Takes an address of an attached host off the cloud and gives it an interface, to be connected with `link`.
   * @throws RangeError when the address is not on the cloud.
   */
  plug(address: Ipv4): Nic {
    const attached = this.#byAddress.get(address | 0);
    if (attached === undefined) throw new RangeError(`Address ${address >>> 0} is not on the cloud.`);
    this.#byAddress.delete(address | 0);
    const nic = new Nic((packet) => {
      const isHere = packet.length >= 20 && readU32be(packet, 16) === address;
      this.observer?.({ kind: isHere ? 'delivered' : 'unreachable', time: this.now, packet });
      if (isHere) this.#hand(attached, packet);
    });
    this.#nics.set(address | 0, nic);
    return nic;
  }

  /** Connects two nodes by a link; `back` is the direction from the second to the first, like the other by default. */
  link(first: NetworkNode, second: NetworkNode, options: LinkOptions = {}, back: LinkOptions = options): Link {
    const ports: Port[] = [];
    const forward = this.#wire(options, (packet) => second.arrive(packet, ports[1]!));
    const backward = this.#wire(back, (packet) => first.arrive(packet, ports[0]!));
    ports.push(new Port(forward), new Port(backward));
    first.connected(ports[0]!);
    second.connected(ports[1]!);
    return { first: ports[0]!, second: ports[1]!, forward, back: backward };
  }

  /**
   * What a host's clock shows now, microseconds.
   * @throws RangeError when the host is not on the network.
   */
  timeOf(host: VirtualHost): number {
    return this.#attached(host).clock.read(this.now);
  }

  /**
   * Steps a host's clock and, when given, changes its drift.
   * @throws RangeError when the host is not on the network.
   */
  changeClock(host: VirtualHost, stepMicros: number, driftPpm?: number): void {
    const attached = this.#attached(host);
    attached.clock.change(this.now, stepMicros, driftPpm);
    this.#serve(attached);
  }

  /** Lets a host's work be noticed that was caused from outside, by a call rather than a packet. */
  wake(host: VirtualHost): void {
    const attached = this.#hosts.find((candidate) => candidate.host === host);
    if (attached) this.#serve(attached);
  }

  /** Puts a datagram on the network now. The octets are copied. */
  send(packet: Uint8Array): void {
    const copy = copies.copy(packet);
    this.observer?.({ kind: 'sent', time: this.now, packet: copy });
    const hasAddresses = packet.length >= 20;
    const nic = hasAddresses && this.#nics.size > 0 ? this.#nics.get(readI32be(packet, 12)) : undefined;
    if (nic !== undefined) {
      nic.send(copy);
      return;
    }
    const special = hasAddresses ? this.route?.(readU32be(packet, 12), readU32be(packet, 16)) : undefined;
    if (special === 'down') this.#lose(copy);
    else this.#wireFor(special).transmit(copy);
  }

  /** Calls `action` when the clock reaches `time`, with the argument given along. */
  at(time: number, action: () => void): void;
  at<Argument>(time: number, action: Action<Argument>, argument: Argument): void;
  at<Argument>(time: number, action: Action<Argument>, argument?: Argument): void {
    this.#queue.push(Math.max(time, this.now), action, argument as Argument);
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
    this.#queue.run();
    return true;
  }

  /** Lets everything happen up to `time` and moves the clock there. */
  runUntil(time: number): void {
    while (this.step(time));
    this.now = Math.max(this.now, time);
  }

  #wire(options: LinkOptions, deliver: (packet: Uint8Array) => void): Wire {
    return new Wire(this, this.#random, options, deliver, (packet) => this.#lose(packet));
  }

  #wireFor(special: LinkOptions | undefined): Wire {
    if (special === undefined) return this.#cloud;
    let wire = this.#special.get(special);
    if (wire === undefined) {
      wire = this.#wire({ ...this.#options, ...special }, (packet) => this.#deliver(packet));
      this.#special.set(special, wire);
    }
    return wire;
  }

  #attached(host: VirtualHost): Attached {
    const attached = this.#hosts.find((candidate) => candidate.host === host);
    if (attached === undefined) throw new RangeError('The host is not on the network; attach it first.');
    return attached;
  }

  #lose(packet: Uint8Array): void {
    this.observer?.({ kind: 'lost', time: this.now, packet });
  }

  #deliver(packet: Uint8Array): void {
    const attached = packet.length >= 20 ? this.#byAddress.get(readI32be(packet, 16)) : undefined;
    this.observer?.({ kind: attached ? 'delivered' : 'unreachable', time: this.now, packet });
    if (attached !== undefined) this.#hand(attached, packet);
  }

  #hand(attached: Attached, packet: Uint8Array): void {
    attached.host.receive(packet, attached.clock.read(this.now));
    this.#serve(attached);
  }

  /** Runs a host's due work, sends what it wants to send and notes when it wants to be called. */
  #serve(attached: Attached): void {
    const next = attached.clock.when(attached.host.poll(attached.clock.read(this.now)));
    attached.host.drain(this.#send);
    // One entry in the queue for each time asked for, not one for each packet.
    if (next === attached.wakeAt) return;
    attached.wakeAt = next;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#queue.push(Math.max(next, this.now + 1), () => {
      if (attached.wakeAt !== next) return;
      attached.wakeAt = Number.POSITIVE_INFINITY;
      this.#serve(attached);
    });
  }
}
