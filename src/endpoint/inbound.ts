import { ICMP } from '../codec/icmp.js';
import {
  Accept,
  addressKey,
  clampMss,
  type DatagramView,
  Flags,
  HeaderStatus,
  type Ipv4,
  type LayoutName,
  sameTuple,
  TCP,
  TcpFlags,
  TrailerView,
  type Tuple,
  UDP,
} from '../codec/index.js';
import { hasPathSequence, innerHeader } from '../codec/path-sequence.js';
import { reversedTuple, rewriteTuple } from '../codec/rewrite.js';
import { detach } from '../codec/trailer.js';
import { acceptOnly } from '../codec/view.js';
import type { AvailabilityRow } from './availability.js';
import type { FakeTcp } from './fake-tcp.js';
import { isHeartbeatDue } from './heartbeat.js';
import { IcmpErrors } from './icmp-errors.js';
import type { Leaving } from './leaving.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import type { Peer } from './nodes.js';
import type { Outbound } from './outbound.js';
import { noteNumbers, unnumber } from './path-sequence.js';
import { type Deliver, ReorderingBuffer } from './reordering.js';
import { ResetHold } from './reset-hold.js';
import { senderOf } from './senders.js';
import type { Session } from './sessions.js';
import { SlowestDelay } from './slowest-delay.js';
import { hasSoundChecksum, holdsSegment, unwrap } from './udp-wrapper.js';
import { isReset } from './untouched.js';

/** The sender of packets of an unknown connection is asked once in so many microseconds. */
const ASK_NAME = 1_000_000;

/** What a node does with packets of the network (paper, sections 3.1 to 3.5, 3.7.2, 3.8), one small method for each rule. */
export class Inbound {
  /** Sessions that hold segments; looked at when time has passed. */
  readonly holding = new Set<Session>();
  /** RST that wait for a sign of life. */
  readonly resets: ResetHold;
  readonly #view = new TrailerView();
  readonly #deliver: Deliver;
  /** The address list of the packet in hand. */
  readonly #announced: Ipv4[] = [];
  /** Whether the checksum of the packet in hand is known to be right. */
  #isSound = false;
  /** Where the packet in hand ended with its CM. */
  #wireEnd = 0;

  constructor(
    private readonly state: NodeState,
    private readonly outbound: Outbound,
    private readonly fakeTcp: FakeTcp,
    private readonly icmpErrors = new IcmpErrors(state),
  ) {
    const { sessions, nodes, fallback, composer, counters } = state;
    this.resets = new ResetHold(sessions, nodes, fallback, composer, counters, (session, now) =>
      outbound.askForLife(session, now),
    );
    this.#deliver = (packet, length) => void this.state.deliveries.filling.appendCopy(packet, length);
  }

  /** Takes a packet that arrived on an interface; `isSound`: its TCP or UDP checksum needs no verification. */
  receive(packet: Uint8Array, now: number, length: number, isSound = false, isReassembled = false): void {
    this.#isSound = isSound;
    const { deliveries, waiting, counters } = this.state;
    const slot = deliveries.filling.appendCopy(packet, length);
    const view = this.#view;
    const isWhole = view.parse(slot.bytes, 0, length) === HeaderStatus.ok;
    if (!isWhole && view.protocol === ICMP && this.icmpErrors.receive(slot.bytes, length, now)) {
      deliveries.filling.drop(slot);
      return;
    }
    if (view.status === HeaderStatus.fragment && this.state.ownAddresses.includes(view.destination)) {
      deliveries.filling.drop(slot);
      this.reassemble(view, now, length);
      return;
    }
    if (isWhole && !this.state.isOwn(view.destination)) {
      counters.foreignReceived++;
      counters.ordinaryReceived++;
      return;
    }
    if (!isWhole || !view.recognise(this.acceptedLayouts(view)) || !this.isAcceptable(view)) {
      if (isReset(view)) {
        waiting.take(view.destination, view.destinationPort, view.source, view.sourcePort, now);
        if (this.state.leaving === undefined && this.resets.take(view, length, now)) deliveries.filling.drop(slot);
      } else if (isWhole && !isReassembled) this.noteOrdinary(view, now);
      counters.ordinaryReceived++;
      if (isWhole) this.limitSegments(view);
      return;
    }
    counters.cmReceived++;
    if (this.processCm(view, now)) slot.length = view.end;
    else deliveries.filling.drop(slot);
  }

  /** A fragment waits for the others; a CM is looked for in the whole datagram (docs/decisions.md 34). */
  reassemble(fragment: DatagramView, now: number, length: number): void {
    const { reassembly, counters } = this.state;
    counters.fragmentsReceived++;
    const whole = reassembly.add(fragment, length, now);
    if (whole === undefined) return;
    counters.reassembled++;
    this.receive(whole, now, whole.length, false, true);
  }

  /** An ordinary packet from where a node speaks: the node there, or this one, is about to end (docs/decisions.md 60). */
  noteOrdinary(view: DatagramView, now: number): void {
    const { availability, departures, leaving, sessions } = this.state;
    if (leaving !== undefined) {
      const session = sessions.byTuple(reversedTuple(view), view.protocol, now);
      if (session !== undefined) leaving.heardOrdinary(session);
      return;
    }
    const row = availability.get(view.source, view.sourcePort);
    if (row?.enabled) departures.ordinary(view, row, now);
  }

  /** True while anything waits to be delivered. */
  get isHolding(): boolean {
    return this.holding.size > 0 || this.resets.size > 0;
  }

  /** Delivers segments that were held too long; returns when to look again. */
  releaseHeld(now: number): number {
    let next = this.resets.release(now, this.#deliver);
    for (const session of this.holding) {
      const { reordering } = session;
      if (reordering !== undefined && reordering.deadline <= now) reordering.release(now, this.#deliver);
      if (reordering === undefined || reordering.size === 0) this.holding.delete(session);
      else next = Math.min(next, reordering.deadline);
    }
    return next;
  }

  /** Delivers everything that a session holds back. */
  releaseAll(session: Session): void {
    session.reordering?.flush(this.#deliver);
    this.holding.delete(session);
  }

  /** Once an address and port has sent a CM of one layout, only that layout is tried for it. */
  acceptedLayouts(view: DatagramView): number {
    const layout = this.state.availability.get(view.source, view.sourcePort)?.layout;
    return layout === undefined ? Accept.both : acceptOnly(layout);
  }

  /**
   * Chance and forged CMs (docs/decisions.md 25): from an unknown node, query and confirmation count only without session
   * and path, data and heartbeats only with a session; anything else is an ordinary packet.
   */
  isAcceptable(view: TrailerView): boolean {
    const { cm } = view;
    const { nodeId, layout, flags } = cm;
    const { composer, nodes } = this.state;
    if (nodeId === composer.nodeId(layout) || nodes.isKnown(nodeId, layout)) return true;
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
    if (nodeId === this.state.composer.nodeId(layout)) return this.receiveOwnId(view, flags);
    if (this.state.leaving !== undefined) return this.receiveLeaving(view, this.state.leaving, now);
    if (this.isContested(view, now)) return this.receiveClaim(view, flags, layout, now);
    const { sessionId, pathId, feedbackPathId, pathDelay, timestamp } = cm;
    const peer = senderOf(view, cm.readAddresses(this.#announced), this.state, now);
    this.markEnabled(view.source, view.sourcePort, layout);
    // Before the measurements: those of the flagged packet belong to the path that stays.
    if (flags === Flags.ipChange) this.receiveAddressChange(view, peer, sessionId, cm.localAddresses, now);
    else if (flags === Flags.normal) this.endAddressChange(peer, sessionId);
    if (pathId !== 0 && !this.isUntranslated(view, peer, sessionId))
      this.measure(peer, pathId, timestamp, now, sessionId, view);
    if (feedbackPathId !== 0 && this.isFeedbackTrusted(view, peer, sessionId, feedbackPathId))
      this.applyFeedback(peer, feedbackPathId, pathDelay, now, timestamp);
    this.#wireEnd = view.end;
    this.strip(view);
    switch (flags) {
      case Flags.enable:
        this.markHandshaken(view, peer);
        this.state.sessionRules.askedAgain(peer, now);
        this.receiveQuery(view, layout, now);
        return false;
      case Flags.enabled:
        this.markAnswered(view, peer);
        return false;
      case Flags.heartbeat:
        this.receiveHeartbeat(view, peer, sessionId, now, pathId);
        return false;
      case Flags.handshake:
        this.receiveHandshake(view, peer, sessionId, now);
        return false;
      default:
        return this.receiveData(view, peer, sessionId, pathId, layout, now);
    }
  }

  /** The node is about to end: what comes with a CM still goes up without it, and nothing is answered. */
  receiveLeaving(view: TrailerView, leaving: Leaving, now: number): boolean {
    const { flags, layout, sessionId, pathId } = view.cm;
    const peer = senderOf(view, view.cm.readAddresses(this.#announced), this.state, now);
    this.#wireEnd = view.end;
    this.strip(view);
    if (flags > Flags.ipChange) return false;
    const isForHost = this.receiveData(view, peer, sessionId, pathId, layout, now);
    const session = sessionId === 0 ? undefined : peer.sessions.get(sessionId);
    if (session !== undefined) leaving.heardCm(session, now);
    return isForHost;
  }

  /** A CM with one's own node id changes no state: data is delivered stripped, the rest dropped (wire format, ids). */
  receiveOwnId(view: TrailerView, flags: number): boolean {
    this.state.counters.ownIdReceived++;
    this.strip(view);
    return flags <= Flags.ipChange;
  }

  /**
   * True when a CM comes from an address of a peer with sessions, but with the id of another node, and the peer was not
   * given the time to show that it is still there (docs/decisions.md 56).
   */
  isContested(view: TrailerView, now: number): boolean {
    const { source, sourcePort, cm } = view;
    const { nodes, sessions, claims, composer, transmits, control, counters } = this.state;
    const holder = nodes.at(source, sourcePort);
    if (holder === undefined) return false;
    const isKnown = holder.nodeId === cm.nodeId && holder.layout === cm.layout;
    if (isKnown && claims.size === 0) return false;
    const key = addressKey(source, sourcePort);
    if (isKnown) claims.refute(holder, key);
    if (isKnown || holder.sessions.size === 0) return false;
    const isOwn = sessions.byTuple(reversedTuple(view), view.protocol, now)?.peer === holder;
    const state = claims.claim(holder, key, isOwn, now);
    if (state === 'ask' && this.mayAnswer(source, now)) {
      counters.queriesSent++;
      counters.cmSent++;
      control.datagram(transmits.filling, reversedTuple(view), composer.compose(holder.layout, Flags.enable, now));
    }
    return state !== 'won';
  }

  /**
   * Another node claims a peer's address. No table changes; its queries are confirmed, and its data goes up: to the socket
   * of the session that it names, which it may have taken over with its id.
   */
  receiveClaim(view: TrailerView, flags: number, layout: LayoutName, now: number): boolean {
    const { nodes, counters } = this.state;
    counters.claims++;
    const { sessionId, pathId } = view.cm;
    this.strip(view);
    if (flags === Flags.enable) this.receiveQuery(view, layout, now);
    if (flags > Flags.ipChange) return false;
    const session = pathId === 0 ? undefined : nodes.at(view.source, view.sourcePort)?.sessions.get(sessionId);
    if (session === undefined || session.protocol === view.protocol) {
      if (session !== undefined) this.restore(view, session);
      return true;
    }
    if (session.protocol !== TCP || !holdsSegment(view) || !hasSoundChecksum(view)) return false;
    this.unwrapSegment(view, session);
    return true;
  }

  /** Section 3.1: the CM is removed before the packet goes up. */
  strip(view: TrailerView): void {
    detach(view);
  }

  /** Section 3.2: the sender's address and port speak MPIP. */
  markEnabled(address: Ipv4, port: number, layout: LayoutName): void {
    const row = this.state.availability.row(address, port);
    row.enabled = true;
    row.layout ??= layout;
  }

  /** Section 3.3: an address that did the availability handshake joins the paths of the peer's sessions. */
  markHandshaken(view: DatagramView, peer: Peer): AvailabilityRow {
    const row = this.state.availability.row(view.source, view.sourcePort);
    peer.handshaken.add(view.source);
    row.local = view.destination;
    if (row.handshaken === peer) return row;
    if (row.handshaken !== undefined) row.answered = false;
    row.handshaken = peer;
    peer.version++;
    return row;
  }

  /** Section 3.3, docs/decisions.md 40: an address that confirms a query of this node can be reached there. */
  markAnswered(view: DatagramView, peer: Peer): void {
    const row = this.markHandshaken(view, peer);
    if (row.answered || row.queries === 0) return;
    row.answered = true;
    peer.answered.add(view.source);
    peer.version++;
  }

  /**
   * True for a segment of a session that comes from an announced address where no fake handshake was done (section 3.8.1),
   * while the peer's paths come from addresses that it did not announce: a NAT lets out untranslated what it takes for
   * invalid, as Linux does, and nothing comes back that way. Its delay is not fed back, so that its sender notices
   * (docs/decisions.md 57).
   */
  isUntranslated(view: DatagramView, peer: Peer, sessionId: number): boolean {
    if (view.protocol !== TCP || this.state.settings.tcpMode !== 'fake-tcp') return false;
    const session = peer.sessions.get(sessionId);
    if (session === undefined || session.protocol !== TCP) return false;
    const back = reversedTuple(view);
    if (!peer.announced.has(view.source) || sameTuple(back, session.tuple)) return false;
    let isBehindNat = false;
    for (const { tuple } of session.paths) {
      if (sameTuple(back, tuple)) return false;
      isBehindNat ||= !peer.announced.has(tuple.destination);
    }
    return isBehindNat && !session.abandoned.has(tupleKey(back)) && !this.fakeTcp.isUnderWay(back);
  }

  /**
   * Section 3.4: T2 - T1 into Table 5, modulo 2^32. An address that did not do the handshake takes no path over that
   * brought a sample from elsewhere within the last heartbeat age (docs/decisions.md 43).
   */
  measure(
    peer: Peer,
    pathId: number,
    timestamp: number,
    now: number,
    sessionId = 0,
    from: DatagramView | undefined = undefined,
  ): void {
    const { composer, settings, sessionRules } = this.state;
    const source = from === undefined ? 0 : addressKey(from.source, from.sourcePort);
    const row = peer.feedback.get(pathId);
    if (
      row !== undefined &&
      from !== undefined &&
      row.source !== source &&
      now - row.at < settings.constants['heartbeat-age'] &&
      !sessionRules.isProven(peer, from.source) &&
      peer.sessions.get(row.sessionId)?.tuple.destination !== from.source
    )
      return;
    peer.feedback.record(pathId, (composer.ticks(now) - timestamp) | 0, now, sessionId, source);
  }

  /**
   * True when a delay may be taken from this sender (docs/decisions.md 43): its address did the handshake as this peer,
   * or it is a remote address of the session to which both the packet and the path belong.
   */
  isFeedbackTrusted(view: DatagramView, peer: Peer, sessionId: number, pathId: number): boolean {
    const { source } = view;
    if (peer.handshaken.has(source)) return true;
    const path = peer.paths.get(pathId);
    if (path === undefined || path.session.id !== sessionId) return false;
    if (path.session.tuple.destination === source) return true;
    for (const other of path.session.paths) if (other.tuple.destination === source) return true;
    this.state.counters.unprovenFeedback++;
    return false;
  }

  /** Section 3.4: a delay that the peer fed back, into Table 3. An unknown path id is ignored (docs/decisions.md 13). */
  applyFeedback(peer: Peer, pathId: number, delay: number, now: number, timestamp?: number): void {
    const { composer, settings } = this.state;
    const { constants, profile } = settings;
    const step = constants['clock-step'] / profile.tickMicros;
    // There and back: the offset of the clocks is in both and cancels out.
    const roundTrip = timestamp === undefined ? 0 : (delay + composer.ticks(now) - timestamp) | 0;
    const sentAt = now - Math.max(0, roundTrip) * profile.tickMicros;
    peer.paths.get(pathId)?.applyFeedback(delay, constants['delay-smoothing'], step, now, sentAt);
  }

  /** Section 3.2: a query is confirmed right away, over TCP with the next segment sent there. */
  receiveQuery(view: TrailerView, layout: LayoutName, now: number): void {
    this.state.counters.queriesReceived++;
    const back = reversedTuple(view);
    if (view.protocol === TCP)
      this.state.waiting.add(back.source, back.sourcePort, back.destination, back.destinationPort, now);
    else if (this.mayAnswer(view.source, now)) this.sendConfirmation(view, back, layout, now);
  }

  /** False when too many packets were answered, to this address or in all (docs/decisions.md 44). */
  mayAnswer(address: Ipv4, now: number): boolean {
    if (this.state.answers.take(address, now)) return true;
    this.state.counters.answersLimited++;
    return false;
  }

  /** Section 3.2: a new packet with all headers filled in and the CM, back to the sender. */
  sendConfirmation(view: TrailerView, back: Tuple, layout: LayoutName, now: number): void {
    this.state.counters.confirmationsSent++;
    this.outbound.sendBack(view, back, this.state.composer.compose(layout, Flags.enabled, now));
  }

  /** Section 3.5: a heartbeat is processed and dropped; it does not refresh the session (section 3.7.1). */
  receiveHeartbeat(view: TrailerView, peer: Peer, sessionId: number, now: number, pathId = 0): void {
    const { counters, sessionRules, mesh } = this.state;
    counters.heartbeatsReceived++;
    const session = sessionRules.ofControl(peer, sessionId, view, now);
    if (session === undefined) return;
    session.heard(now);
    mesh.seen(session, reversedTuple(view), now, pathId === 0);
    sessionRules.refresh(session, Flags.heartbeat, now);
    sessionRules.confirm(session, sessionId);
  }

  /** Section 3.8.1: a packet of a fake handshake; without its session it means nothing. */
  receiveHandshake(view: TrailerView, peer: Peer, sessionId: number, now: number): void {
    const session = this.state.sessionRules.ofControl(peer, sessionId, view, now);
    if (session === undefined || session.protocol !== TCP || view.protocol !== TCP) return;
    session.heard(now);
    this.state.sessionRules.confirm(session, sessionId);
    if ((view.tcpFlags & TcpFlags.syn) === 0 || this.mayAnswer(view.source, now))
      this.fakeTcp.receive(view, session, now);
  }

  /**
   * Section 3.4: the peer's addresses changed. Obeyed only for a known session, from its own remote address or one that did
   * a handshake of either kind as this peer and answered, otherwise as soon as it has (docs/decisions.md 15).
   */
  receiveAddressChange(
    view: TrailerView,
    peer: Peer,
    sessionId: number,
    announced: readonly Ipv4[],
    now: number,
  ): void {
    const { sessionRules, addressChange, mesh } = this.state;
    const session = sessionRules.ofControl(peer, sessionId, view, now);
    if (session === undefined) return;
    const back = reversedTuple(view);
    const isOwn =
      back.destination === session.tuple.destination && back.destinationPort === session.tuple.destinationPort;
    const change = { back, announced, pathId: view.cm.pathId };
    if (isOwn || mesh.mayMoveTo(peer, view.source)) this.outbound.obeyChange(session, change, now);
    else addressChange.defer(session, change, now);
  }

  /** A packet without the flag: the peer's address change is over. */
  endAddressChange(peer: Peer, sessionId: number): void {
    const session = sessionId === 0 ? undefined : peer.sessions.get(sessionId);
    if (session?.isChanging) this.state.addressChange.settledByPeer(session);
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
    const { sessionRules, counters, mesh } = this.state;
    if (pathId === 0 && view.protocol === TCP && (view.tcpFlags & (TcpFlags.syn | TcpFlags.ack)) === TcpFlags.syn)
      this.state.fallback.connectionOpens(reversedTuple(view), now);
    const session = sessionId === 0 ? undefined : sessionRules.received(view, peer, sessionId, pathId, now);
    if (session === null) return this.receiveNameless(view, layout, now);
    const isWrapped = session !== undefined && session.protocol === TCP && view.protocol === UDP;
    if (session !== undefined && session.protocol !== view.protocol && !isWrapped) {
      counters.protocolMismatch++;
      return false;
    }
    if (isWrapped && !(holdsSegment(view) && (this.#isSound || hasSoundChecksum(view)))) {
      counters.badWrappers++;
      return false;
    }
    const isNumbered = session !== undefined && session.protocol === TCP && this.isNumbered(view);
    if (isNumbered && innerHeader(view, view.end) < 0) {
      counters.badWrappers++;
      return false;
    }
    const isLeaving = this.state.leaving !== undefined;
    if (view.protocol === UDP && !isWrapped && !isLeaving)
      this.considerHeartbeat(view, peer, session, sessionId, pathId, layout, now);
    if (session === undefined) return true;
    const { timestamp } = view.cm;
    const back = reversedTuple(view);
    mesh.seen(session, back, now);
    if (this.state.settings.scheduler !== 'paper') noteArrival(session, back, now);
    session.heard(now);
    if (this.resets.size > 0) this.resets.seen(session, view.cm.timestamp);
    if (isWrapped) this.state.fallback.received(session, back);
    else if (session.halfOpen > 0) this.fakeTcp.seenData(back, now);
    sessionRules.refresh(session, Flags.normal, now);
    sessionRules.confirm(session, sessionId);
    if (now >= session.probeAt && !isLeaving) this.outbound.probeRemoved(session, layout, now, true);
    if (session.hasUnproven && session.protocol === UDP && !isLeaving)
      this.outbound.probeUnproven(session, layout, now);
    if (isWrapped) this.unwrapSegment(view, session);
    else if (isNumbered) this.unnumberSegment(view, session, back);
    else this.restore(view, session);
    this.limitSegments(view);
    if (session.protocol !== TCP) return true;
    if (view.status === HeaderStatus.ok) session.noteReceived(view.tcpFlags);
    return this.reorder(view, session, now, timestamp);
  }

  /**
   * A path packet of a connection that this node does not know: it would reach a wrong socket (section 3.7.2). The sender is
   * asked for MPIP, by a query, and then names its connections again (docs/decisions.md 66).
   */
  receiveNameless(view: TrailerView, layout: LayoutName, now: number): boolean {
    const { availability, counters } = this.state;
    counters.nameless++;
    if (this.state.leaving !== undefined) return false;
    const row = availability.row(view.source, view.sourcePort);
    if (row.handshaken !== undefined || now < row.askNameAt || !this.outbound.mayQuery(row)) return false;
    if (!this.mayAnswer(view.source, now)) return false;
    row.askNameAt = now + ASK_NAME;
    this.outbound.sendQuery(row, reversedTuple(view), layout, now);
    return false;
  }

  /** Section 3.1: the host reads in the peer's SYN how large its segments may be; they leave room for a CM. */
  limitSegments(view: DatagramView): void {
    if (view.protocol !== TCP || (view.tcpFlags & TcpFlags.syn) === 0) return;
    const layout = this.state.availability.get(view.source, view.sourcePort)?.layout;
    if (layout === undefined) return;
    clampMss(view.bytes, this.state.pathMtus.linkMtu - this.outbound.overhead(view, layout), view.end);
  }

  /** The packet's addresses and ports become those that the host knows (section 3.7.2). */
  restore(view: TrailerView, session: Session): void {
    const { source, sourcePort, destination, destinationPort } = session.tuple;
    const isRestored =
      view.source === destination &&
      view.destination === source &&
      view.sourcePort === destinationPort &&
      view.destinationPort === sourcePort;
    if (!isRestored) rewriteTuple(view, inboundTuple(session));
  }

  /** Section 3.8.2: the UDP wrapper goes; addresses and ports come from the session. */
  unwrapSegment(view: TrailerView, session: Session): void {
    const length = unwrap(view, inboundTuple(session));
    view.parse(view.bytes, 0, length);
  }

  /** True for a segment behind a TCP header of the path's own (docs/decisions.md 64). */
  isNumbered(view: DatagramView): boolean {
    return this.state.settings.pathSequence && view.protocol === TCP && hasPathSequence(view);
  }

  /** The path's TCP header goes; addresses and ports come from the session. */
  unnumberSegment(view: TrailerView, session: Session, back: Tuple): void {
    const numbers = session.numbers?.get(tupleKey(back));
    if (numbers !== undefined) noteNumbers(numbers, view, this.#wireEnd);
    const length = unnumber(view, inboundTuple(session));
    view.parse(view.bytes, 0, length);
  }

  /** Section 3.8.3: in-sequence segments go up at once, the others wait. True when the segment in `view` goes up as it is. */
  reorder(view: TrailerView, session: Session, now: number, timestamp?: number): boolean {
    if (!this.state.settings.reordering || view.status !== HeaderStatus.ok) return true;
    const { constants } = this.state.settings;
    const { 'reordering-slots': slots, 'reordering-hold': hold, 'reordering-margin': margin } = constants;
    session.reordering ??= new ReorderingBuffer(slots, hold, margin > 0);
    const patience = margin > 0 && timestamp !== undefined ? this.patience(session, timestamp, now) : hold;
    if (session.reordering.passes(view)) return true;
    session.reordering.accept(view, now, this.#deliver, patience);
    if (session.reordering.size > 0) this.holding.add(session);
    return false;
  }

  /** How long what was sent before a segment may still be on its way: as much longer as the slowest path takes, and a margin. */
  patience(session: Session, timestamp: number, now: number): number {
    const { composer, settings } = this.state;
    session.slowest ??= new SlowestDelay();
    const excess = session.slowest.excess((composer.ticks(now) - timestamp) | 0, now);
    return excess * settings.profile.tickMicros + settings.constants['reordering-margin'];
  }

  /** Section 3.5: sends a heartbeat when the feedback of the path that this packet came by is nearly obsolete. */
  considerHeartbeat(
    view: TrailerView,
    peer: Peer,
    session: Session | undefined,
    sessionId: number,
    pathId: number,
    layout: LayoutName,
    now: number,
  ): void {
    const { settings, composer, counters, sessionRules } = this.state;
    if (!isHeartbeatDue(peer, session, pathId, settings.constants['heartbeat-age'], now)) return;
    if (!this.mayAnswer(view.source, now)) return;
    if (session !== undefined) sessionRules.confirm(session, sessionId);
    const path = session === undefined ? undefined : this.outbound.choosePath(session, now);
    const cm = composer.compose(layout, Flags.heartbeat, now);
    cm.sessionId = sessionId;
    cm.pathId = path?.id ?? 0;
    composer.addFeedback(cm, peer, now);
    counters.heartbeatsSent++;
    if (session !== undefined) session.lastSent = now;
    path?.sent(now);
    this.outbound.sendBack(view, path?.tuple ?? reversedTuple(view), cm);
    if (session?.confirmed) this.outbound.discoverPaths(session, layout, now);
  }
}

/** Notes by which path a packet came. */
function noteArrival({ paths }: Session, back: Tuple, now: number): void {
  for (const path of paths) if (sameTuple(path.tuple, back)) path.arrivedAt = now;
}

/** A session's tuple as packets from the network carry it. */
function inboundTuple({ tuple }: Session): Tuple {
  return {
    source: tuple.destination,
    sourcePort: tuple.destinationPort,
    destination: tuple.source,
    destinationPort: tuple.sourcePort,
  };
}
