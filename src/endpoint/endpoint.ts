import { Flags, type Ipv4, type Tuple } from '../codec/index.js';
import { ContestedAddresses } from './contested.js';
import { Discovery } from './discovery.js';
import { FakeTcp } from './fake-tcp.js';
import { AvailabilityHandshake } from './handshake.js';
import { Heartbeats } from './heartbeat.js';
import { HeldSegments } from './held-segments.js';
import { Inbound } from './inbound.js';
import { InboundData } from './inbound-data.js';
import { Leaving } from './leaving.js';
import { Measurements } from './measurements.js';
import { NodeState } from './node-state.js';
import { Opening } from './opening.js';
import { type EndpointOptions, type Settings, settingsOf } from './options.js';
import { Outbound } from './outbound.js';
import type { PacketQueue } from './packet-queue.js';
import { PacketSize } from './packet-size.js';
import { PathChoice } from './path-choice.js';
import { Probes } from './probes.js';
import type { RoutingRule } from './routing.js';
import type { Session } from './sessions.js';
import { Transmitter } from './transmitter.js';

/** Addresses, present and former, that a node takes packets for. */
const MOST_OWN_ADDRESSES = 64;

/**
 * An MPIP node without I/O and without a clock of its own: packets and the time go in, packets to send and packets to
 * deliver come out. Times are microseconds; only differences matter, except in profiles whose clock is the UTC day. When
 * the caller's time steps back, the node's own goes on from where it was: no timer stands still.
 *
 * The rules are in `outbound`, `inbound` and what these two use, a small method each, so that a reader finds a rule and a
 * test can break it.
 */
export class Endpoint {
  readonly settings: Settings;
  /** The tables and what works on them. */
  readonly state: NodeState;
  readonly fakeTcp: FakeTcp;
  readonly opening: Opening;
  readonly transmitter: Transmitter;
  readonly packetSize: PacketSize;
  readonly handshake: AvailabilityHandshake;
  readonly pathChoice: PathChoice;
  readonly discovery: Discovery;
  readonly probes: Probes;
  readonly outbound: Outbound;
  readonly measurements: Measurements;
  readonly heartbeats: Heartbeats;
  readonly heldSegments: HeldSegments;
  readonly inboundData: InboundData;
  readonly contested: ContestedAddresses;
  readonly inbound: Inbound;
  readonly #sweepInterval: number;
  #nextSweep = Number.NEGATIVE_INFINITY;
  /** The node's time: the caller's, but never going back. */
  #now = Number.NEGATIVE_INFINITY;
  /** Microseconds that the node's time is ahead of the caller's: what its clock was stepped back by. */
  #ahead = 0;

  constructor(options: EndpointOptions) {
    this.settings = settingsOf(options);
    const { constants, random } = this.settings;
    this.state = new NodeState(this.settings, (session, now) => this.#end(session, now));
    this.fakeTcp = new FakeTcp(
      this.state.mesh,
      random,
      constants['syn-interval'],
      constants['weight-max'],
      (...packet) => this.#sendHandshake(...packet),
      this.settings.limits,
      (peer, address, now) => this.state.mayProbe(peer, address, now),
      (session, tuple) => this.state.fallback.unanswered(session, tuple),
      (session, tuple, now) => this.opening.opened(session, tuple, now),
      this.settings.pathSequence,
    );
    this.opening = new Opening(this.state.addressChange, constants['syn-interval'], (packet, now) =>
      this.outbound.send(packet, now, packet.length),
    );
    const { state, fakeTcp, opening } = this;
    this.transmitter = new Transmitter(state);
    this.packetSize = new PacketSize(state, this.transmitter);
    this.handshake = new AvailabilityHandshake(state, this.transmitter);
    this.pathChoice = new PathChoice(state, this.packetSize, fakeTcp, opening);
    this.discovery = new Discovery(state, this.handshake, this.packetSize, fakeTcp);
    this.probes = new Probes(state, this.transmitter, this.packetSize, fakeTcp);
    this.outbound = new Outbound(
      state,
      this.transmitter,
      this.packetSize,
      this.handshake,
      this.pathChoice,
      this.discovery,
      this.probes,
      opening,
    );
    this.measurements = new Measurements(state, fakeTcp);
    this.heartbeats = new Heartbeats(state, this.transmitter, this.pathChoice, this.discovery);
    this.heldSegments = new HeldSegments(state, this.probes);
    this.inboundData = new InboundData(
      state,
      fakeTcp,
      this.handshake,
      this.heartbeats,
      this.heldSegments,
      this.packetSize,
      this.probes,
    );
    this.contested = new ContestedAddresses(state, this.handshake, this.inboundData);
    this.inbound = new Inbound(
      state,
      fakeTcp,
      this.handshake,
      this.pathChoice,
      this.measurements,
      this.heartbeats,
      this.heldSegments,
      this.inboundData,
      this.contested,
    );
    const shortest = Math.min(constants['session-expiry'], constants['confirm-expiry']);
    this.#sweepInterval = Math.max(1, Math.floor(shortest / 4));
  }

  /** Table 2. */
  get availability() {
    return this.state.availability;
  }

  /** Table 4, and per peer Tables 3 and 5. */
  get nodes() {
    return this.state.nodes;
  }

  /** Table 7. */
  get sessions() {
    return this.state.sessions;
  }

  get sessionRules() {
    return this.state.sessionRules;
  }

  get counters() {
    return this.state.counters;
  }

  get composer() {
    return this.state.composer;
  }

  /** This node's addresses now, primary first. */
  get addresses(): readonly Ipv4[] {
    return this.state.addresses;
  }

  /**
   * Takes a packet that the local TCP/IP stack wants to send: the first `length` octets of `packet`, which the caller
   * keeps. What goes out is in `takeTransmits`.
   */
  fromHost(packet: Uint8Array, now: number, length = packet.length): void {
    this.outbound.send(packet, this.#timeAt(now), length);
  }

  /**
   * Takes a packet that arrived on an interface. What the host is to see is in `takeDeliveries`.
   * @param isSound the caller knows the TCP or UDP checksum to be right, or not computed; it is not verified again.
   */
  fromNetwork(packet: Uint8Array, now: number, length = packet.length, isSound = false): void {
    this.inbound.receive(packet, this.#timeAt(now), length, isSound);
  }

  /**
   * Tells the node that an interface takes no more packets for now: what waits there from `address` will have left in
   * `micros`. Nothing is refused; who can, sends by other interfaces meanwhile.
   */
  interfaceFull(address: Ipv4, micros: number, now: number): void {
    this.state.selection.queued(address, micros, this.#timeAt(now));
  }

  /** Runs due work; returns when to be called again, in microseconds. */
  poll(now: number): number {
    return this.#work(this.#timeAt(now)) - this.#ahead;
  }

  #work(now: number): number {
    const { sessions, waiting, reassembly } = this.state;
    const givenUp = reassembly.size > 0 ? reassembly.sweep(now) : Number.POSITIVE_INFINITY;
    const asking = this.state.leaving?.poll(now) ?? Number.POSITIVE_INFINITY;
    const released = this.heldSegments.isHolding ? this.heldSegments.releaseHeld(now) : Number.POSITIVE_INFINITY;
    if (this.fakeTcp.size > 0) this.fakeTcp.poll(now);
    const opened = this.opening.size > 0 ? this.opening.poll(now) : Number.POSITIVE_INFINITY;
    const handshakes = this.fakeTcp.size > 0 ? this.fakeTcp.deadline : Number.POSITIVE_INFINITY;
    const next = Math.min(released, handshakes, givenUp, opened, asking);
    if (sessions.size === 0 && waiting.size === 0) return next;
    if (now >= this.#nextSweep) {
      waiting.sweep(now);
      this.#nextSweep = now + Math.ceil(this.#sweepInterval / sessions.sweep(now));
    }
    return Math.min(next, this.#nextSweep);
  }

  /**
   * Tells the node its addresses after one was added or removed (section 3.4): every session is reset to one path and
   * says so in its next packets.
   * @throws RangeError when the list is empty.
   */
  setAddresses(addresses: readonly Ipv4[], now: number): void {
    if (addresses.length === 0) throw new RangeError('An endpoint needs at least one address.');
    const { state } = this;
    const before = state.addresses;
    if (before.length === addresses.length && addresses.every((address, i) => address === before[i])) return;
    state.addresses = [...addresses];
    const time = this.#timeAt(now);
    state.ownAddresses = [...new Set([...addresses, ...state.ownAddresses])].slice(0, MOST_OWN_ADDRESSES);
    for (const session of [...state.sessions.rows()]) {
      this.fakeTcp.forget(session);
      session.discovered = -1;
      if (!session.confirmed) continue;
      const isKnown = state.addressChange.resetOwn(session, state.addresses, time);
      if (!isKnown && session.paths[0]?.encapsulation === 'fake-tcp' && this.discovery.isInitiator(session)) {
        this.opening.begin(session, time);
        this.fakeTcp.open(session, state.addresses, time);
      } else if (session.isOpening) this.opening.release(session, time);
    }
  }

  /** Tells the node that its links carry packets of another size, in octets; larger ones of the host are reported to it. */
  setLinkMtu(mtu: number): void {
    this.state.pathMtus.linkMtu = mtu;
  }

  /**
   * Removes a session with its paths; segments that it holds back are delivered first. The peer's next packet with its id
   * may bring it back (docs/decisions.md 46).
   */
  endSession(session: Session, now: number): void {
    this.#end(session, this.#timeAt(now));
  }

  #end(session: Session, now: number): void {
    this.heldSegments.releaseAll(session);
    this.fakeTcp.forget(session);
    this.opening.forget(session);
    this.state.sessions.remove(session, now);
  }

  /**
   * The node is about to end (docs/decisions.md 60): from now on it sends its host's packets as they are and only takes
   * CMs off, until `speaking` is empty.
   */
  leave(now: number): void {
    const { state } = this;
    const time = this.#timeAt(now);
    for (const session of state.sessions.rows()) {
      this.fakeTcp.forget(session);
      this.opening.forget(session);
    }
    state.waiting.clear();
    const send = (packet: Uint8Array) => this.transmitter.sendPlain(packet, packet.length);
    state.leaving ??= new Leaving(state.sessions, send, () => state.addresses, time);
  }

  /** The sessions in which peers may still send CMs after `leave`. */
  speaking(now: number): readonly Session[] {
    return this.state.leaving?.open(this.#timeAt(now)) ?? [];
  }

  /** Forgets every row of Tables 2, 3, 4, 5 and 7, as a restart does; Table 6, addresses and counters stay. */
  reset(now: number): void {
    const { sessions, availability, nodes, waiting } = this.state;
    for (const session of [...sessions.rows()]) this.endSession(session, now);
    availability.clear();
    nodes.clear();
    waiting.clear();
  }

  /** Replaces the rows of Table 6 (section 3.6.2). */
  setRules(rules: readonly RoutingRule[]): void {
    this.state.routing.replace(rules);
  }

  /** The packets to send since the last call, in order; the source address says by which interface. Valid until the next call. */
  takeTransmits(): PacketQueue {
    return this.state.transmits.take();
  }

  /** The packets to hand to the local TCP/IP stack since the last call, in order. Valid until the next call. */
  takeDeliveries(): PacketQueue {
    return this.state.deliveries.take();
  }

  /** The node's time when the caller's is `now`. */
  #timeAt(now: number): number {
    if (now + this.#ahead < this.#now) this.#ahead = this.#now - now;
    this.#now = now + this.#ahead;
    return this.#now;
  }

  /** Section 3.8.1: a packet of a fake handshake carries the handshake flag and the connection's session id. */
  #sendHandshake(
    session: Session,
    tuple: Tuple,
    sequence: number,
    acknowledgement: number,
    flags: number,
    isOffer: boolean,
  ): void {
    const { composer, control, transmits, counters } = this.state;
    const cm = composer.compose(session.peer.layout, Flags.handshake, this.#now);
    cm.sessionId = session.id;
    control.segment(transmits.filling, tuple, { sequence, acknowledgement, flags }, cm, isOffer);
    counters.cmSent++;
  }
}
