import {
  Accept,
  type ControlMessage,
  DatagramView,
  Flags,
  HeaderStatus,
  type Ipv4,
  isAttachable,
  LAYOUTS,
  type LayoutName,
  maxAddresses,
  type NodeId,
  sameTuple,
  TCP,
  TcpFlags,
  TrailerView,
  type Tuple,
  trailerSize,
  UDP,
} from '../codec/index.js';
import { hasTuple, reversedTuple, rewriteTuple } from '../codec/rewrite.js';
import { attach, detach } from '../codec/trailer.js';
import { acceptOnly } from '../codec/view.js';
import { type AvailabilityRow, AvailabilityTable, WaitingList } from './availability.js';
import { ControlPackets, MAX_TRAILER } from './control-packet.js';
import { type Counters, newCounters } from './counters.js';
import { isHeartbeatDue } from './heartbeat.js';
import { NodeTable, type Peer } from './nodes.js';
import { type EndpointOptions, type Settings, settingsOf, TickClock } from './options.js';
import { DoubleQueue, type PacketQueue } from './packet-queue.js';
import { selectPath } from './path-selection.js';
import type { Path } from './paths.js';
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
  readonly counters: Counters = newCounters();

  readonly #clock: TickClock;
  readonly #control: ControlPackets;
  readonly #transmits = new DoubleQueue();
  readonly #deliveries = new DoubleQueue();
  readonly #outgoing = new DatagramView();
  readonly #rewritten = new DatagramView();
  readonly #incoming = new TrailerView();
  readonly #message: ControlMessage;
  readonly #sweepInterval: number;
  #nextSweep = Number.NEGATIVE_INFINITY;
  #rotation = 0;

  constructor(options: EndpointOptions) {
    this.settings = settingsOf(options);
    const { constants, profile, tableLimit } = this.settings;
    this.availability = new AvailabilityTable(tableLimit);
    this.waiting = new WaitingList(tableLimit, constants['confirm-expiry']);
    this.nodes = new NodeTable(constants, tableLimit);
    this.sessions = new SessionTable(constants);
    this.#clock = new TickClock(profile.tickMicros, profile.clock, this.settings.clockOffsetMicros);
    this.#control = new ControlPackets(this.settings.random.below(0x10000));
    this.#message = {
      layout: profile.layout,
      nodeId: 0,
      sessionId: 0,
      pathId: 0,
      feedbackPathId: 0,
      timestamp: 0,
      pathDelay: 0,
      localAddresses: [],
      flags: 0,
    };
    this.#sweepInterval = Math.max(
      1,
      Math.floor(Math.min(constants['session-expiry'], constants['confirm-expiry']) / 4),
    );
  }

  /** This node's id in a layout (section 3.1: the MAC address of one NIC; `compact` carries its last two octets). */
  nodeId(layout: LayoutName): NodeId {
    return layout === 'full' ? this.settings.mac : this.settings.mac % 0x10000;
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
    const session = this.sessionToSend(row, tuple, view.protocol, now);
    const layout = row.layout ?? this.settings.profile.layout;
    if (session === undefined || length + this.trailerLength(layout) > this.settings.linkMtu)
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

  /** Section 3.7.1: the session of a packet of the host, made when there is none. */
  sessionToSend(row: AvailabilityRow, tuple: Tuple, protocol: number, now: number): Session | undefined {
    const peer = this.nodes.at(row.address, row.port);
    const known = this.sessions.byTuple(tuple, protocol, now);
    if (known !== undefined && known.peer === peer) return known;
    if (known !== undefined) this.sessions.remove(known, now);
    if (peer === undefined) return undefined;
    const created = this.sessions.create(peer, protocol, tuple, now);
    if (created === undefined) this.counters.idsExhausted++;
    return created;
  }

  /** Sends a data packet of a session over the chosen path, with its CM. */
  sendData(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): void {
    const path = this.choosePath(session);
    const cm = this.compose(layout, Flags.normal, now);
    cm.sessionId = session.id;
    cm.pathId = path?.id ?? 0;
    this.addFeedback(cm, session.peer, now);
    const slot = this.#transmits.filling.append(length, MAX_TRAILER);
    slot.length = attach(view.bytes, cm, slot.bytes, length);
    if (path !== undefined && !hasTuple(view, path.tuple)) {
      this.#rewritten.parse(slot.bytes, 0, slot.length);
      rewriteTuple(this.#rewritten, path.tuple);
    }
    this.refresh(session, Flags.normal, now);
    session.lastSent = now;
    this.counters.cmSent++;
  }

  /** Section 3.6: the path of the next packet. */
  choosePath(session: Session): Path | undefined {
    return selectPath(session);
  }

  /** Section 3.4: feedback of the path that was fed back longest ago, when there is a new sample. */
  addFeedback(cm: ControlMessage, peer: Peer, now: number): void {
    const row = peer.feedback.next(now);
    cm.feedbackPathId = row?.pathId ?? 0;
    cm.pathDelay = row?.delay ?? 0;
  }

  /** Sends a copy of a packet of the host with a query or confirmation (section 3.2; the copy's checksum: docs/decisions.md 1). */
  sendCopy(view: DatagramView, tuple: Tuple, flags: number, layout: LayoutName, now: number): void {
    const queue = this.#transmits.filling;
    this.#control.copy(
      queue,
      view,
      tuple,
      this.compose(layout, flags, now),
      this.trailerLength(layout),
      this.settings.linkMtu,
      Number.POSITIVE_INFINITY,
    );
    if (view.protocol === TCP && (view.tcpFlags & TcpFlags.syn) === 0) this.#control.spoilTcpChecksum(queue);
    this.counters.cmSent++;
  }

  /** A CM of this node with everything filled in that does not depend on session or path. The object is used again. */
  compose(layout: LayoutName, flags: number, now: number): ControlMessage {
    const cm = this.#message;
    cm.layout = layout;
    cm.nodeId = this.nodeId(layout);
    cm.sessionId = 0;
    cm.pathId = 0;
    cm.feedbackPathId = 0;
    cm.timestamp = this.#clock.ticks(now);
    cm.pathDelay = 0;
    cm.localAddresses = this.addressList(layout);
    cm.flags = flags;
    return cm;
  }

  /** Section 3.1: all local addresses; in `compact` two at a time, rotating so that all appear (docs/decisions.md 11). */
  addressList(layout: LayoutName): readonly Ipv4[] {
    const { addresses } = this.settings;
    const most = maxAddresses(LAYOUTS[layout]);
    if (addresses.length <= most) return addresses;
    const start = this.#rotation;
    this.#rotation = (start + most) % addresses.length;
    return Array.from({ length: most }, (_, i) => addresses[(start + i) % addresses.length]!);
  }

  trailerLength(layout: LayoutName): number {
    return trailerSize(LAYOUTS[layout], Math.min(this.settings.addresses.length, maxAddresses(LAYOUTS[layout])));
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
    if (nodeId === this.nodeId(layout) || this.nodes.isKnown(nodeId, layout)) return true;
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
    if (nodeId === this.nodeId(layout)) return this.receiveOwnId(view, flags);
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
    peer.feedback.record(pathId, (this.#clock.ticks(now) - timestamp) | 0, now);
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
    this.#sendBack(view, back, this.compose(layout, Flags.enabled, now));
  }

  /** Section 3.5: a heartbeat is processed and dropped; it does not refresh the session (section 3.7.1). */
  receiveHeartbeat(peer: Peer, sessionId: number, now: number): void {
    this.counters.heartbeatsReceived++;
    const session = sessionId === 0 ? undefined : this.sessions.byId(peer, sessionId, now);
    if (session === undefined) return;
    this.refresh(session, Flags.heartbeat, now);
    this.confirmSession(session, now);
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
    const session = sessionId === 0 ? undefined : this.sessionReceived(view, peer, sessionId, pathId, now);
    if (session !== undefined && session.protocol !== view.protocol) {
      this.counters.protocolMismatch++;
      return false;
    }
    if (view.protocol === UDP) this.considerHeartbeat(view, peer, session, sessionId, pathId, layout, now);
    if (session !== undefined) {
      this.refresh(session, Flags.normal, now);
      this.confirmSession(session, now);
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

  /** Both ends hold the session now: its first path may be used (section 3.7.1; ids from 1, docs/decisions.md 3). */
  confirmSession(session: Session, now: number): void {
    session.confirmed = true;
    this.sessions.addOriginalPath(session, now);
  }

  /** Section 3.7.1: every packet that is not a heartbeat refreshes the session, sent or received. */
  refresh(session: Session, flags: number, now: number): void {
    if (flags !== Flags.heartbeat) session.updateTime = now;
  }

  /** The row of Table 7 for a data packet with a session id; collisions as in docs/decisions.md 3, 4, 5. */
  sessionReceived(view: TrailerView, peer: Peer, id: number, pathId: number, now: number): Session | undefined {
    const tuple = reversedTuple(view);
    const known = this.sessions.byId(peer, id, now);
    if (known === undefined) return this.adoptSession(view, peer, id, tuple, now);
    if (pathId !== 0 || (known.protocol === view.protocol && sameTuple(known.tuple, tuple))) return known;
    // Path id 0 names the session's own tuple, and it is another one: both ends gave one id to two connections, or the
    // peer gave an id of its own to a new connection.
    if (known.origin === 'self' && !this.losesTo(peer)) return undefined;
    if (known.origin === 'self') this.sessions.restart(known, now);
    else this.sessions.remove(known, now);
    return this.adoptSession(view, peer, id, tuple, now);
  }

  /** A session id that is not in Table 7: a new row, or the peer's id for a connection that has a row here. */
  adoptSession(view: TrailerView, peer: Peer, id: number, tuple: Tuple, now: number): Session {
    const same = this.sessions.byTuple(tuple, view.protocol, now);
    if (same !== undefined && same.peer === peer) {
      if (same.origin === 'peer' || this.losesTo(peer)) this.sessions.rename(same, id, now);
      return same;
    }
    if (same !== undefined) this.sessions.remove(same, now);
    return this.sessions.adopt(peer, id, view.protocol, tuple, now);
  }

  /** Of two ids chosen at once, that of the numerically lower node id wins (docs/decisions.md 4). */
  losesTo(peer: Peer): boolean {
    return peer.nodeId < this.nodeId(peer.layout);
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
    const cm = this.compose(layout, Flags.heartbeat, now);
    cm.sessionId = sessionId;
    cm.pathId = path?.id ?? 0;
    this.addFeedback(cm, peer, now);
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
      this.trailerLength(cm.layout),
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
