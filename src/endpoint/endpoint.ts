import {
  Accept,
  type ControlMessage,
  DatagramView,
  Flags,
  HeaderStatus,
  type Ipv4,
  isAttachable,
  type LayoutName,
  TCP,
  TcpFlags,
  TrailerView,
  type Tuple,
  UDP,
} from '../codec/index.js';
import { hasTuple, reversedTuple, rewriteTuple } from '../codec/rewrite.js';
import { attach, detach } from '../codec/trailer.js';
import { acceptOnly } from '../codec/view.js';
import { type AvailabilityRow, AvailabilityTable, WaitingList } from './availability.js';
import { Composer } from './composer.js';
import { ControlPackets, MAX_TRAILER } from './control-packet.js';
import { type Counters, newCounters } from './counters.js';
import { isHeartbeatDue } from './heartbeat.js';
import { NodeTable, type Peer } from './nodes.js';
import { type EndpointOptions, type Settings, settingsOf } from './options.js';
import { DoubleQueue, type PacketQueue } from './packet-queue.js';
import { selectPath } from './path-selection.js';
import type { Path } from './paths.js';
import { SessionRules } from './session-rules.js';
import { type Session, SessionTable } from './sessions.js';
import { multicastOrBroadcast, usesDhcp } from './untouched.js';

/**
 * An MPIP node without I/O and without a clock of its own: packets and the time go in, packets to send and packets to
 * deliver come out. Times are microseconds; only differences matter, except in profiles whose clock is the UTC day.
 *
 * The methods are small and named for the rule they hold, each with its section of the paper, so that a reader finds a
 * rule and a test can break it.
 */
export class Endpoint {
  readonly settings: Settings;
  /** Table 2. */
  readonly availability: AvailabilityTable;
  /** The waiting list of section 3.2. */
  readonly waiting: WaitingList;
  /** Table 4, and per peer Tables 3 and 5. */
  readonly nodes: NodeTable;
  /** Table 7. */
  readonly sessions: SessionTable;
  /** Fills in CMs. */
  readonly composer: Composer;
  /** Finds and names sessions. */
  readonly sessionRules: SessionRules;
  readonly counters: Counters = newCounters();

  readonly #control: ControlPackets;
  readonly #transmits = new DoubleQueue();
  readonly #deliveries = new DoubleQueue();
  readonly #outgoing = new DatagramView();
  readonly #rewritten = new DatagramView();
  readonly #incoming = new TrailerView();
  readonly #sweepInterval: number;
  #nextSweep = Number.NEGATIVE_INFINITY;

  constructor(options: EndpointOptions) {
    this.settings = settingsOf(options);
    const { constants, tableLimit } = this.settings;
    this.availability = new AvailabilityTable(tableLimit);
    this.waiting = new WaitingList(tableLimit, constants['confirm-expiry']);
    this.nodes = new NodeTable(constants, tableLimit);
    this.sessions = new SessionTable(constants);
    this.composer = new Composer(this.settings);
    this.sessionRules = new SessionRules(this.sessions, this.nodes, this.composer);
    this.#control = new ControlPackets(this.settings.random.below(0x10000));
    this.#sweepInterval = Math.max(
      1,
      Math.floor(Math.min(constants['session-expiry'], constants['confirm-expiry']) / 4),
    );
  }

  // ---------------------------------------------------------------------------------------------------------------
  // The caller's side.

  /**
   * Takes a packet that the local TCP/IP stack wants to send: the first `length` octets of `packet`, which the caller
   * keeps. What goes out is in `takeTransmits`.
   */
  fromHost(packet: Uint8Array, now: number, length = packet.length): void {
    const view = this.#outgoing;
    if (view.parse(packet, 0, length) !== HeaderStatus.ok || !this.isEligible(view)) {
      if (isReset(view)) this.waiting.take(view.source, view.sourcePort, view.destination, view.destinationPort, now);
      this.#sendPlain(packet, length);
      return;
    }
    const row = this.availability.get(view.destination, view.destinationPort);
    if (row?.enabled) this.sendToEnabled(view, row, now, length);
    else this.sendToUnknown(view, now, length);
  }

  /** Takes a packet that arrived on an interface. What the host is to see is in `takeDeliveries`. */
  fromNetwork(packet: Uint8Array, now: number, length = packet.length): void {
    const slot = this.#deliveries.filling.appendCopy(packet, length);
    const view = this.#incoming;
    const isWhole = view.parse(slot.bytes, 0, length) === HeaderStatus.ok;
    if (!isWhole || !view.recognise(this.acceptedLayouts(view)) || !this.isAcceptable(view)) {
      if (isReset(view)) this.waiting.take(view.destination, view.destinationPort, view.source, view.sourcePort, now);
      this.counters.ordinaryReceived++;
      return;
    }
    this.counters.cmReceived++;
    const deliver = this.processCm(view, now);
    if (deliver) slot.length = view.end;
    else this.#deliveries.filling.dropLast();
  }

  /** Runs due work; returns when to be called again, in microseconds. */
  poll(now: number): number {
    if (this.sessions.size === 0 && this.waiting.size === 0) return Number.POSITIVE_INFINITY;
    if (now >= this.#nextSweep) {
      this.sessions.sweep(now);
      this.waiting.sweep(now);
      this.#nextSweep = now + this.#sweepInterval;
    }
    return this.#nextSweep;
  }

  /** The packets to send since the last call, in order; the source address says by which interface. Valid until the next call. */
  takeTransmits(): PacketQueue {
    return this.#transmits.take();
  }

  /** The packets to hand to the local TCP/IP stack since the last call, in order. Valid until the next call. */
  takeDeliveries(): PacketQueue {
    return this.#deliveries.take();
  }

  // ---------------------------------------------------------------------------------------------------------------
  // Sending (sections 3.2, 3.7.2).

  /** False for what is never touched: RST, multicast, broadcast, DHCP (docs/decisions.md 8), a UDP length that lies. */
  isEligible(view: DatagramView): boolean {
    if (!isAttachable(view) || multicastOrBroadcast(view.destination) || usesDhcp(view)) return false;
    return !isReset(view);
  }

  /** Section 3.2: the original goes out unmodified; a copy with the query flag follows while the limit is not reached. */
  sendToUnknown(view: DatagramView, now: number, length: number): void {
    this.#sendPlain(view.bytes, length);
    const row = this.availability.row(view.destination, view.destinationPort);
    if (!this.mayQuery(row)) return;
    row.queries++;
    this.counters.queriesSent++;
    this.sendCopy(view, this.tupleOf(view), Flags.enable, row.layout ?? this.settings.profile.layout, now);
  }

  /** Section 3.2: after the threshold the address is taken for one without MPIP. */
  mayQuery(row: AvailabilityRow): boolean {
    return row.queries < this.settings.constants['query-limit'];
  }

  /** Section 3.7.2, outbound: the session's id, a path, feedback and the CM. */
  sendToEnabled(view: DatagramView, row: AvailabilityRow, now: number, length: number): void {
    const tuple = this.tupleOf(view);
    const session = this.sessionRules.toSend(row, tuple, view.protocol, now);
    if (session === undefined) this.counters.idsExhausted++;
    const layout = row.layout ?? this.settings.profile.layout;
    if (session === undefined || length + this.composer.trailerLength(layout) > this.settings.linkMtu)
      this.#sendPlain(view.bytes, length);
    else this.sendData(view, session, layout, now, length);
    if (
      view.protocol === TCP &&
      this.waiting.take(tuple.source, tuple.sourcePort, tuple.destination, tuple.destinationPort, now)
    ) {
      this.counters.confirmationsSent++;
      this.sendCopy(view, tuple, Flags.enabled, layout, now);
    }
  }

  /** Sends a data packet of a session over the chosen path, with its CM. */
  sendData(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): void {
    const path = this.choosePath(session);
    const cm = this.composer.compose(layout, Flags.normal, now);
    cm.sessionId = session.id;
    cm.pathId = path?.id ?? 0;
    this.composer.addFeedback(cm, session.peer, now);
    const slot = this.#transmits.filling.append(length, MAX_TRAILER);
    slot.length = attach(view.bytes, cm, slot.bytes, length);
    if (path !== undefined && !hasTuple(view, path.tuple)) {
      this.#rewritten.parse(slot.bytes, 0, slot.length);
      rewriteTuple(this.#rewritten, path.tuple);
    }
    this.sessionRules.refresh(session, Flags.normal, now);
    session.lastSent = now;
    this.counters.cmSent++;
  }

  /** Section 3.6: the path of the next packet. */
  choosePath(session: Session): Path | undefined {
    return selectPath(session);
  }

  /** Sends a copy of a packet of the host with a query or confirmation (section 3.2; the copy's checksum: docs/decisions.md 1). */
  sendCopy(view: DatagramView, tuple: Tuple, flags: number, layout: LayoutName, now: number): void {
    const queue = this.#transmits.filling;
    this.#control.copy(
      queue,
      view,
      tuple,
      this.composer.compose(layout, flags, now),
      this.composer.trailerLength(layout),
      this.settings.linkMtu,
      Number.POSITIVE_INFINITY,
    );
    if (view.protocol === TCP && (view.tcpFlags & TcpFlags.syn) === 0) this.#control.spoilTcpChecksum(queue);
    this.counters.cmSent++;
  }

  // ---------------------------------------------------------------------------------------------------------------
  // Receiving (sections 3.1, 3.2, 3.4, 3.5, 3.7.2).

  /** Once an address and port has sent a CM of one layout, only that layout is tried for it. */
  acceptedLayouts(view: DatagramView): number {
    const layout = this.availability.get(view.source, view.sourcePort)?.layout;
    return layout === undefined ? Accept.both : acceptOnly(layout);
  }

  /**
   * Chance and forged CMs (docs/decisions.md 25): from an unknown node, query and confirmation count only without session
   * and path, data and heartbeats only with a session; anything else is an ordinary packet.
   */
  isAcceptable(view: TrailerView): boolean {
    const { cm } = view;
    const { nodeId, layout, flags } = cm;
    if (nodeId === this.composer.nodeId(layout) || this.nodes.isKnown(nodeId, layout)) return true;
    if (flags === Flags.enable || flags === Flags.enabled) return cm.sessionId === 0 && cm.pathId === 0;
    return flags <= Flags.heartbeat && cm.sessionId !== 0;
  }

  /**
   * Processes a packet with a CM: tables first, then what the flag asks for. The datagram is stripped in place.
   * @returns true when the packet goes up to the host.
   */
  processCm(view: TrailerView, now: number): boolean {
    const { cm } = view;
    const { flags, layout, nodeId } = cm;
    if (nodeId === this.composer.nodeId(layout)) return this.receiveOwnId(view, flags);
    const { sessionId, pathId, feedbackPathId, pathDelay, timestamp } = cm;
    const peer = this.peerOf(view, sessionId, pathId);
    this.markEnabled(view.source, view.sourcePort, layout);
    if (pathId !== 0) this.measure(peer, pathId, timestamp, now);
    if (feedbackPathId !== 0) this.applyFeedback(peer, feedbackPathId, pathDelay, now);
    this.strip(view);
    switch (flags) {
      case Flags.enable:
        this.receiveQuery(view, layout, now);
        return false;
      case Flags.enabled:
        return false;
      case Flags.heartbeat:
        this.receiveHeartbeat(peer, sessionId, now);
        return false;
      case Flags.handshake:
        return false;
      default:
        return this.receiveData(view, peer, sessionId, pathId, layout, now);
    }
  }

  /**
   * The node that a CM comes from, noted in Table 4. A packet of a path (path id from 1) belongs to the peer that holds
   * its session, also from an address not seen before (section 3.7.2: located by node id and session id).
   */
  peerOf(view: TrailerView, sessionId: number, pathId: number): Peer {
    const { cm, source, sourcePort } = view;
    const { nodeId, layout, localAddresses } = cm;
    if (
      pathId !== 0 &&
      sessionId !== 0 &&
      this.nodes.find(nodeId, layout, source, sourcePort, localAddresses) === undefined
    ) {
      const holders = this.nodes.withId(nodeId, layout).filter((peer) => peer.sessions.has(sessionId));
      if (holders.length === 1) this.nodes.prove(holders[0]!, source, sourcePort);
    }
    return this.nodes.learn(nodeId, layout, source, sourcePort, localAddresses);
  }

  /** A CM with one's own node id changes no state: data is delivered stripped, the rest dropped (wire format, ids). */
  receiveOwnId(view: TrailerView, flags: number): boolean {
    this.counters.ownIdReceived++;
    this.strip(view);
    return flags <= Flags.ipChange;
  }

  /** Section 3.1: the CM is removed before the packet goes up. */
  strip(view: TrailerView): void {
    detach(view);
  }

  /** Section 3.2: the sender's address and port speak MPIP. */
  markEnabled(address: Ipv4, port: number, layout: LayoutName): void {
    const row = this.availability.row(address, port);
    row.enabled = true;
    row.layout ??= layout;
  }

  /** Section 3.4: T2 - T1 into Table 5, modulo 2^32. */
  measure(peer: Peer, pathId: number, timestamp: number, now: number): void {
    peer.feedback.record(pathId, (this.composer.ticks(now) - timestamp) | 0, now);
  }

  /** Section 3.4: a delay that the peer fed back, into Table 3. An unknown path id is ignored (docs/decisions.md 13). */
  applyFeedback(peer: Peer, pathId: number, delay: number, now: number): void {
    const { constants, profile } = this.settings;
    peer.paths
      .get(pathId)
      ?.applyFeedback(delay, constants['delay-smoothing'], constants['clock-step'] / profile.tickMicros, now);
  }

  /** Section 3.2: a query is confirmed right away, over TCP with the next segment sent there. */
  receiveQuery(view: TrailerView, layout: LayoutName, now: number): void {
    this.counters.queriesReceived++;
    const back = reversedTuple(view);
    if (view.protocol === TCP)
      this.waiting.add(back.source, back.sourcePort, back.destination, back.destinationPort, now);
    else this.sendConfirmation(view, back, layout, now);
  }

  /** Section 3.2: a new packet with all headers filled in and the CM, back to the sender. */
  sendConfirmation(view: TrailerView, back: Tuple, layout: LayoutName, now: number): void {
    this.counters.confirmationsSent++;
    this.#sendBack(view, back, this.composer.compose(layout, Flags.enabled, now));
  }

  /** Section 3.5: a heartbeat is processed and dropped; it does not refresh the session (section 3.7.1). */
  receiveHeartbeat(peer: Peer, sessionId: number, now: number): void {
    this.counters.heartbeatsReceived++;
    const session = sessionId === 0 ? undefined : this.sessions.byId(peer, sessionId, now);
    if (session === undefined) return;
    this.sessionRules.refresh(session, Flags.heartbeat, now);
    this.sessionRules.confirm(session, now);
  }

  /** Section 3.7.2, inbound: the packet gets the session's tuple back; a heartbeat may be due. */
  receiveData(
    view: TrailerView,
    peer: Peer,
    sessionId: number,
    pathId: number,
    layout: LayoutName,
    now: number,
  ): boolean {
    const session = sessionId === 0 ? undefined : this.sessionRules.received(view, peer, sessionId, pathId, now);
    if (session !== undefined && session.protocol !== view.protocol) {
      this.counters.protocolMismatch++;
      return false;
    }
    if (view.protocol === UDP) this.considerHeartbeat(view, peer, session, sessionId, pathId, layout, now);
    if (session !== undefined) {
      this.sessionRules.refresh(session, Flags.normal, now);
      this.sessionRules.confirm(session, now);
      this.restore(view, session);
    }
    return true;
  }

  /** The packet's addresses and ports become those that the host knows (section 3.7.2). */
  restore(view: TrailerView, session: Session): void {
    const { tuple } = session;
    const inbound = {
      source: tuple.destination,
      sourcePort: tuple.destinationPort,
      destination: tuple.source,
      destinationPort: tuple.sourcePort,
    };
    if (!hasTuple(view, inbound)) rewriteTuple(view, inbound);
  }

  // ---------------------------------------------------------------------------------------------------------------
  // Heartbeat (section 3.5).

  /** Sends a heartbeat when the feedback of the path that this packet came by is nearly obsolete. */
  considerHeartbeat(
    view: TrailerView,
    peer: Peer,
    session: Session | undefined,
    sessionId: number,
    pathId: number,
    layout: LayoutName,
    now: number,
  ): void {
    if (!isHeartbeatDue(peer, session, pathId, this.settings.constants['heartbeat-age'], now)) return;
    const path = session === undefined ? undefined : this.choosePath(session);
    const cm = this.composer.compose(layout, Flags.heartbeat, now);
    cm.sessionId = sessionId;
    cm.pathId = path?.id ?? 0;
    this.composer.addFeedback(cm, peer, now);
    this.counters.heartbeatsSent++;
    if (session !== undefined) session.lastSent = now;
    this.#sendBack(view, path?.tuple ?? reversedTuple(view), cm);
  }

  // ---------------------------------------------------------------------------------------------------------------

  tupleOf(view: DatagramView): Tuple {
    return {
      source: view.source,
      sourcePort: view.sourcePort,
      destination: view.destination,
      destinationPort: view.destinationPort,
    };
  }

  #sendPlain(packet: Uint8Array, length: number): void {
    this.#transmits.filling.appendCopy(packet, length);
    this.counters.ordinarySent++;
  }

  /** A packet of MPIP itself in answer to a received one: its headers, no user data, the CM. */
  #sendBack(view: TrailerView, tuple: Tuple, cm: ControlMessage): void {
    this.#control.copy(
      this.#transmits.filling,
      view,
      tuple,
      cm,
      this.composer.trailerLength(cm.layout),
      this.settings.linkMtu,
      0,
    );
    this.counters.cmSent++;
  }
}

/** A TCP segment with RST: its connection waits for no confirmation any more (docs/decisions.md 9). */
function isReset(view: DatagramView): boolean {
  return view.status === HeaderStatus.ok && view.protocol === TCP && (view.tcpFlags & TcpFlags.rst) !== 0;
}
