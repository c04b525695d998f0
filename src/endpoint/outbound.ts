import { fragment, mayFragment } from '../codec/fragment.js';
import { buildIcmpError, IcmpType, UnreachableCode } from '../codec/icmp.js';
import {
  buildTcp,
  type ControlMessage,
  DatagramView,
  Flags,
  fitsWithTrailer,
  HeaderStatus,
  isAttachable,
  type LayoutName,
  sameTuple,
  TCP,
  TcpFlags,
  type Tuple,
} from '../codec/index.js';
import { PATH_HEADER } from '../codec/path-sequence.js';
import { rewriteTupleAt } from '../codec/rewrite.js';
import { attach, attachParsed } from '../codec/trailer.js';
import type { PeerChange } from './address-change.js';
import type { AvailabilityRow } from './availability.js';
import { bareSegment, isBareable } from './bare-segment.js';
import { MAX_TRAILER } from './control-packet.js';
import type { FakeTcp } from './fake-tcp.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import type { Opening } from './opening.js';
import { LEAST_MTU } from './path-mtu.js';
import { number } from './path-sequence.js';
import type { Path } from './paths.js';
import { RateLimit } from './rate-limit.js';
import type { Session } from './sessions.js';
import { wrap } from './udp-wrapper.js';
import { isReset, multicastOrBroadcast, usesDhcp } from './untouched.js';

const WRAPPER_OVERHEAD = 8;
const MOST_INITIATED = 4096;
/** A pause counts as this many microseconds at most. */
const LONGEST_PAUSE = 1_000_000;
/** A session that was sent in for this many times the path expiry without an answer is named again. */
const SILENT_PERIODS = 3;
/** Nothing of a session arrived for so long, microseconds: longer than heartbeats are apart. */
const SILENT_BEFORE_TELLING = 1_500_000;
/** An address that Table 4 lost is asked again at most once in so many times the path expiry. */
const LAPSE_PERIODS = 6;
/** Packets of the host that it is told are too large, in a second and at once. */
const MOST_REPORTS = 100;
const EMPTY = new Uint8Array(0);

/** What a node does with packets of its host (paper, sections 3.2 and 3.7.2), one small method for each rule. */
export class Outbound {
  /** TCP connections that this host opened lately, as text: their SYN passed. */
  readonly #initiated = new Set<string>();
  readonly #reports = new RateLimit(MOST_REPORTS, MOST_REPORTS);
  readonly #view = new DatagramView();
  readonly #wrapped = new Uint8Array(65535 + PATH_HEADER);
  readonly #bare = new DatagramView();
  readonly #header = new Uint8Array(60 + 60);

  constructor(
    private readonly state: NodeState,
    private readonly fakeTcp: FakeTcp,
    private readonly opening: Opening,
  ) {}

  /** Takes a packet that the local TCP/IP stack wants to send. */
  send(packet: Uint8Array, now: number, length: number): void {
    const view = this.#view;
    const { waiting, availability } = this.state;
    const { linkMtu } = this.state.pathMtus;
    const status = view.parse(packet, 0, length);
    if (this.state.leaving !== undefined && length <= linkMtu) {
      this.sendLeaving(view, now, length);
      return;
    }
    if (length > linkMtu) {
      this.sendOversized(view, length, now);
      return;
    }
    if (status !== HeaderStatus.ok || !this.isEligible(view)) {
      if (isReset(view)) {
        waiting.take(view.source, view.sourcePort, view.destination, view.destinationPort, now);
        if (this.sendWrappedReset(view, now, length)) return;
      }
      this.sendPlain(packet, length);
      return;
    }
    if (view.protocol === TCP) this.noteInitiator(view, now);
    const row = availability.get(view.destination, view.destinationPort);
    if (row?.enabled && this.isForgotten(row, now)) this.sendPlain(packet, length);
    else if (row?.enabled) this.sendToEnabled(view, row, now, length);
    else this.sendToUnknown(view, now, length);
  }

  /** The node is about to end: its host's packets are ordinary ones already. */
  sendLeaving(view: DatagramView, now: number, length: number): void {
    if (view.status === HeaderStatus.ok && view.protocol === TCP)
      this.state.sessions.byTuple(tupleOf(view), TCP, now)?.noteSent(view);
    this.sendPlain(view.bytes, length);
  }

  /** False for what is never touched: RST, multicast, broadcast, DHCP (docs/decisions.md 8), a UDP length that lies, packets of other hosts. */
  isEligible(view: DatagramView): boolean {
    if (!isAttachable(view) || multicastOrBroadcast(view.destination) || usesDhcp(view)) return false;
    if (!this.state.isOwn(view.source)) return false;
    return !isReset(view);
  }

  /** What refused the connection's segments would refuse its RST, or the other end would hold it back: it goes by the paths. */
  sendWrappedReset(view: DatagramView, now: number, length: number): boolean {
    const { sessions, fallback } = this.state;
    const session = sessions.byTuple(tupleOf(view), TCP, now);
    if (session === undefined) return false;
    if (!(session.usesFallback || session.numbers !== undefined || fallback.leftOriginal(session))) return false;
    this.sendData(view, session, session.peer.layout, now, length);
    return true;
  }

  /** Section 3.8.1: the node that initiates the connection is the client of its fake handshakes. */
  noteInitiator(view: DatagramView, now: number): void {
    if ((view.tcpFlags & (TcpFlags.syn | TcpFlags.ack)) !== TcpFlags.syn) return;
    this.state.fallback.connectionOpens(tupleOf(view), now);
    if (this.#initiated.size >= MOST_INITIATED) this.#initiated.delete(this.#initiated.values().next().value!);
    this.#initiated.add(tupleKey(tupleOf(view)));
  }

  /** Section 3.2: the original goes out unmodified; a copy with the query flag follows while the limit is not reached. */
  sendToUnknown(view: DatagramView, now: number, length: number): void {
    const { availability, settings, counters, departures } = this.state;
    this.sendPlain(view.bytes, length);
    const row = availability.row(view.destination, view.destinationPort);
    departures.reconsider(row, now);
    if (!this.mayQuery(row)) return;
    row.queries++;
    counters.queriesSent++;
    this.sendCopy(view, tupleOf(view), Flags.enable, row.layout ?? settings.profile.layout, now);
  }

  /** Section 3.2: after the threshold the address is taken for one without MPIP. */
  mayQuery(row: AvailabilityRow): boolean {
    return row.queries < this.state.settings.constants['query-limit'];
  }

  /**
   * True for an enabled address and port that Table 4 lost, while it may not be asked again; when it may, the handshake
   * begins anew (docs/decisions.md 49).
   */
  isForgotten(row: AvailabilityRow, now: number): boolean {
    const { nodes, availability, settings } = this.state;
    if (nodes.at(row.address, row.port) !== undefined) return false;
    availability.lapse(row, LAPSE_PERIODS * settings.constants['path-expiry'], now);
    return row.enabled;
  }

  /** Section 3.7.2, outbound: the session's id, a path, feedback and the CM. */
  sendToEnabled(view: DatagramView, row: AvailabilityRow, now: number, length: number): void {
    const { state } = this;
    const tuple = tupleOf(view);
    const session = state.sessionRules.toSend(row, tuple, view.protocol, now);
    if (session !== undefined && this.isTrial(session)) {
      this.sendTrial(view, session, now, length);
      return;
    }
    const layout = row.layout ?? state.settings.profile.layout;
    if (session === undefined) {
      state.counters.idsExhausted++;
      this.sendPlain(view.bytes, length);
    } else if (this.hasRoom(view, session, layout, now, length)) this.sendData(view, session, layout, now, length);
    else this.sendWithoutCm(view, session, layout, now, length);
    if (
      view.protocol === TCP &&
      state.waiting.take(tuple.source, tuple.sourcePort, tuple.destination, tuple.destinationPort, now)
    ) {
      state.counters.confirmationsSent++;
      this.sendCopy(view, tuple, Flags.enabled, layout, now);
    }
  }

  /** True when nothing of a session comes any more and its next segment is to go out as it is (docs/decisions.md 60). */
  isTrial(session: Session): boolean {
    const { departures, mesh, addresses } = this.state;
    return mesh.hasOwnTuple(session, addresses) && departures.isTrial(session);
  }

  /** Sends a segment of a session without a CM, by the session's own tuple. */
  sendTrial(view: DatagramView, session: Session, now: number, length: number): void {
    session.noteSent(view);
    this.sendPlain(view.bytes, length);
    this.state.sessionRules.refresh(session, Flags.normal, now);
    this.noteSilence(session, now);
  }

  /** Counts for how long was sent in a session without hearing of it. */
  noteSilence(session: Session, now: number): void {
    const pause = Math.min(now - session.lastSent, LONGEST_PAUSE);
    session.silentMicros += pause;
    session.unheardMicros += pause;
    session.lastSent = now;
  }

  /** True when a packet of the host fits with its CM, by one path at least (docs/decisions.md 16). */
  hasRoom(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): boolean {
    const { pathMtus } = this.state;
    const overhead = this.overhead(view, layout);
    if (!fitsWithTrailer(length, pathMtus.linkMtu, overhead)) return false;
    return session.wayMtus === undefined || pathMtus.carries(session, length + overhead, now);
  }

  /**
   * A packet that does not fit with its CM goes without, by the session's own way. The host learns of it when that way
   * does not carry it either and it has DF, and for TCP, whose segments then become smaller (RFC 1191).
   */
  sendWithoutCm(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): void {
    const { pathMtus } = this.state;
    const isTooLong = length > pathMtus.of(session, session.tuple, now);
    const mayCut = mayFragment(view.bytes);
    if (!isTooLong || mayCut) this.sendPlain(view.bytes, length);
    if (!mayCut && (isTooLong || view.protocol === TCP))
      this.reportTooLarge(view, length, pathMtus.forHost(session, now) - this.overhead(view, layout), now);
  }

  /** A packet that is longer than the links carry: the host hears of it, or the packet goes in fragments, without a CM. */
  sendOversized(view: DatagramView, length: number, now: number): void {
    const { settings } = this.state;
    if (view.status === HeaderStatus.notIpv4 || view.status === HeaderStatus.badIpHeader) return;
    if (mayFragment(view.bytes)) {
      for (const piece of fragment(view.bytes, this.state.pathMtus.linkMtu, length))
        this.sendPlain(piece, piece.length);
      return;
    }
    const layout = this.state.availability.get(view.destination, view.destinationPort)?.layout;
    const overhead = this.overhead(view, layout ?? settings.profile.layout);
    this.reportTooLarge(view, length, this.state.pathMtus.linkMtu - overhead, now);
  }

  /** Tells the host, as a router does, that packets may have `mtu` octets (RFC 792, RFC 1191). */
  reportTooLarge(view: DatagramView, length: number, mtu: number, now: number): void {
    const { deliveries, counters } = this.state;
    counters.tooLarge++;
    if (multicastOrBroadcast(view.destination) || !this.#reports.take(now)) return;
    const error = {
      from: view.destination,
      to: view.source,
      type: IcmpType.unreachable,
      code: UnreachableCode.fragmentationNeeded,
    };
    const packet = view.bytes.subarray(0, length);
    deliveries.filling.appendCopy(buildIcmpError({ ...error, value: Math.max(LEAST_MTU, mtu) }, packet));
  }

  /** Octets that a packet of the host can grow by at most: its CM, and on other paths the wrapper of section 3.8.2. */
  overhead(view: DatagramView, layout: LayoutName): number {
    const { composer, settings } = this.state;
    const isNumbered = settings.pathSequence && view.protocol === TCP;
    return (
      composer.trailerLength(layout) + (this.wraps(view.protocol) ? WRAPPER_OVERHEAD : isNumbered ? PATH_HEADER : 0)
    );
  }

  /** True when packets of a protocol go as UDP on paths that are not the original (section 3.8.2). */
  wraps(protocol: number): boolean {
    return protocol === TCP && this.state.settings.tcpMode === 'udp-wrapper';
  }

  /** Sends a data packet of a session over the chosen path, with its CM. */
  sendData(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): void {
    const { state } = this;
    if (session.isOpening) {
      this.opening.hold(session, view.bytes, length);
      return;
    }
    const isAgain = session.hasSent(view);
    if (view.protocol === TCP) session.noteSent(view);
    let path = this.choosePath(session, now, view, length);
    if (path?.fallback !== undefined) {
      path = this.wideEnough(path, view, layout, now, length);
      if (path === undefined) return;
    }
    const cm = state.composer.compose(layout, this.dataFlag(session), now);
    cm.sessionId = session.id;
    cm.pathId = path?.id ?? 0;
    state.composer.addFeedback(cm, session.peer, now);
    const octets = this.#transmit(view, path, cm, length);
    path?.sent(now, octets);
    if (path !== undefined && view.protocol === TCP) {
      if (view.payloadLength > 0 && state.blackHoles.sent(path, view, octets, isAgain, now))
        this.reportTooLarge(view, length, state.pathMtus.forHost(session, now) - this.overhead(view, layout), now);
      state.fallback.sent(path);
      this.provePath(view, session, layout, now);
    }
    state.sessionRules.refresh(session, Flags.normal, now);
    this.noteSilence(session, now);
    if (!session.isUsed) state.sessions.use(session);
    state.counters.cmSent++;
    if (session.confirmed) this.discoverPaths(session, layout, now);
    if (now >= session.probeAt) this.probeRemoved(session, layout, now, false);
  }

  /**
   * A path of which it is not known whether a NAT lets the session's segments pass gets a copy of their header alone, so
   * that no user data is at stake (docs/decisions.md 57).
   */
  provePath(view: DatagramView, session: Session, layout: LayoutName, now: number): void {
    const { selection } = this.state;
    if (session.isChanging || !isBareable(view)) return;
    const path = selection.toProve(session, now);
    if (path === undefined) return;
    this.#bare.parse(this.#header, 0, bareSegment(view, this.#header));
    this.sendBare(this.#bare, session, path, layout, now);
  }

  /** Sends a segment without user data of this node's own making. */
  sendBare(view: DatagramView, session: Session, path: Path, layout: LayoutName, now: number): void {
    const { composer, counters, fallback } = this.state;
    const cm = composer.compose(layout, Flags.normal, now);
    cm.sessionId = session.id;
    cm.pathId = path.id;
    composer.addFeedback(cm, session.peer, now);
    path.sent(now, this.#transmit(view, path, cm, view.end));
    fallback.sent(path);
    counters.cmSent++;
  }

  /**
   * Asks the peer's host whether it has the connection of a session: a segment below what it expects is acknowledged (RFC
   * 9293, section 3.10.7.4), or answered with an RST. It takes another path than the session's own tuple.
   */
  askForLife(session: Session, now: number): void {
    const others = session.paths.filter((path) => !path.isOriginal);
    const path = this.state.selection.weighted(
      others.some((one) => !one.isUnproven) ? others.filter((one) => !one.isUnproven) : others,
    );
    const fields = {
      sequence: ((session.nextSent ?? 0) - 1) >>> 0,
      acknowledgement: session.lastAcknowledged,
      flags: TcpFlags.ack,
    };
    const segment = buildTcp(session.tuple, fields, EMPTY);
    this.#bare.parse(segment);
    this.sendBare(this.#bare, session, path, session.peer.layout, now);
  }

  /**
   * The path for a segment that came to one which is wrapped only by a fallback: the same when it fits with the wrapper.
   * Otherwise the host is told the MTU that fits, and the segment takes a path without wrapper, if one is known to carry.
   */
  wideEnough(path: Path, view: DatagramView, layout: LayoutName, now: number, length: number): Path | undefined {
    const { pathMtus, composer } = this.state;
    const { session, tuple } = path;
    const room = pathMtus.of(session, tuple, now) - WRAPPER_OVERHEAD - composer.trailerLength(layout);
    if (length <= room) return path;
    this.reportTooLarge(view, length, room, now);
    return session.paths.find((other) => other.fallback === undefined && !other.isUnproven);
  }

  /**
   * True when a segment of a refused original path goes as TCP once more: every other one while no path is proven. In UDP
   * it may meet a NAT that only the other end can open, and some segments pass a NAT that refuses others (docs/decisions.md
   * 57).
   */
  #isAsBefore({ isOriginal, fallback, session, packetsSent }: Path): boolean {
    if (!isOriginal || fallback === undefined || fallback === 'peer' || packetsSent % 2 === 0) return false;
    return session.paths.every(({ isUnproven }) => isUnproven);
  }

  /** Section 3.4: after a change of this node's addresses the next packets carry ip-change. */
  dataFlag(session: Session): number {
    return this.state.addressChange.isFlagged(session) ? Flags.ipChange : Flags.normal;
  }

  /** Section 3.6: the path of the next packet, by the priority that Table 6 gives it. */
  choosePath(session: Session, now: number, view?: DatagramView, length = 0): Path | undefined {
    const { mesh, selection, routing, addresses, pathMtus, addressChange } = this.state;
    if (!session.confirmed) return undefined;
    const change = session.deferredChange && addressChange.due(session);
    if (change !== undefined) this.obeyChange(session, change, now);
    if ((session.isNaming || this.isContested(session, now)) && mesh.hasOwnTuple(session, addresses)) return undefined;
    mesh.extend(session, addresses, now);
    mesh.prune(session, now);
    if (session.namesTold !== session.peer.namesAsked && this.tellsName(session, now)) return undefined;
    if (this.isNameDue(session, now)) return undefined;
    const priority =
      view === undefined
        ? 'throughput'
        : routing.priority(view.destination, view.destinationPort, view.protocol, length);
    if (view === undefined) return selection.choose(session, priority, now);
    const size = length + this.overhead(view, session.peer.layout);
    if (session.wayMtus === undefined) return selection.choose(session, priority, now, session.paths, size);
    const wide = session.paths.filter(({ tuple }) => size <= pathMtus.of(session, tuple, now));
    return selection.choose(session, priority, now, wide, size);
  }

  /**
   * True when nothing of the session has arrived for long although packets were sent: the other end may have forgotten it,
   * and one packet a second says its name again, by its own tuple with path id 0 (docs/decisions.md 52).
   */
  isNameDue(session: Session, now: number): boolean {
    const { settings, mesh, addresses } = this.state;
    const { constants } = settings;
    if (session.silentMicros < SILENT_PERIODS * constants['path-expiry']) return false;
    if (now - session.namedAt < constants['path-refresh'] || !mesh.hasOwnTuple(session, addresses)) return false;
    session.namedAt = now;
    return true;
  }

  /**
   * The peer asked for MPIP, and nothing of the session has arrived for a while: it may have started again. One packet goes by
   * the session's own tuple with path id 0, if that is there and works (docs/decisions.md 66).
   */
  tellsName(session: Session, now: number): boolean {
    const { mesh, addresses } = this.state;
    if (session.silentMicros < SILENT_BEFORE_TELLING) return false;
    session.namesTold = session.peer.namesAsked;
    if (!mesh.hasOwnTuple(session, addresses) || session.abandoned.has(tupleKey(session.tuple))) return false;
    session.namedAt = now;
    return true;
  }

  /**
   * Probes one path that was removed as obsolete, so that it comes back when both ends gave it up (docs/decisions.md 52):
   * by a heartbeat on it, in answer to a packet only (section 3.5); by a fake handshake where that is what opens a path;
   * the connection's own tuple by the next packet of the host.
   */
  probeRemoved(session: Session, layout: LayoutName, now: number, isAnswer: boolean): void {
    const { mesh, addresses, composer, control, transmits, counters } = this.state;
    const isUdp = session.protocol !== TCP || this.wraps(TCP);
    if (isUdp && !isAnswer) return;
    const removed = mesh.nextProbe(session, now);
    if (removed === undefined || !addresses.includes(removed.tuple.source)) return;
    const isOwn = session.protocol === TCP && sameTuple(removed.tuple, session.tuple);
    if (isOwn || session.wrapped.has(tupleKey(removed.tuple))) mesh.retry(session, removed);
    else if (!isUdp && session.isInitiator) this.fakeTcp.again(session, removed.tuple, now);
    else if (isUdp) {
      const cm = composer.compose(layout, Flags.heartbeat, now);
      cm.sessionId = session.id;
      composer.addFeedback(cm, session.peer, now);
      control.datagram(transmits.filling, removed.tuple, cm);
      counters.heartbeatsSent++;
      counters.cmSent++;
    }
  }

  /** Section 3.4: the connection begins again with the path that the peer's changed addresses left. */
  obeyChange(session: Session, change: PeerChange, now: number): void {
    const { addressChange, addresses } = this.state;
    // Not for the packets after the first: handshakes that were begun since belong to the change.
    if (!addressChange.resetByPeer(session, change, addresses, now)) return;
    this.fakeTcp.forget(session);
    if (session.isOpening) this.opening.soon(session, now);
  }

  /**
   * Asks for the proof of a path that leads to a NAT, in answer to a packet of the session (section 3.5): a heartbeat on
   * it, once a second, that carries no user data. It opens a NAT on this side, and the other end feeds it back.
   */
  probeUnproven(session: Session, layout: LayoutName, now: number): void {
    const { selection, composer, control, transmits, counters } = this.state;
    const path = session.confirmed && !session.isChanging ? selection.toProbe(session, now) : undefined;
    if (path === undefined) return;
    const cm = composer.compose(layout, Flags.heartbeat, now);
    cm.sessionId = session.id;
    cm.pathId = path.id;
    composer.addFeedback(cm, session.peer, now);
    path.sent(now, control.datagram(transmits.filling, path.tuple, cm));
    counters.heartbeatsSent++;
    counters.cmSent++;
  }

  /** True while it is not decided whose the peer's addresses are: by its own tuple either of the two understands it. */
  isContested({ peer }: Session, now: number): boolean {
    const { claims } = this.state;
    return claims.size > 0 && claims.isOpen(peer, now);
  }

  /**
   * Sections 3.2, 3.3, 3.8.1: what leads to more paths. Announced addresses and new sources are asked by a query at the
   * session's port, over UDP; the initiator of a TCP connection sends fake SYNs instead.
   */
  discoverPaths(session: Session, layout: LayoutName, now: number): void {
    if (session.isChanging) return;
    if (session.discovered === session.peer.version) return;
    session.discovered = session.peer.version;
    if (session.protocol === TCP && !this.wraps(TCP)) {
      if (this.isInitiator(session) && !this.fakeTcp.start(session, this.state.addresses, now)) session.discovered = -1;
      if (session.wrapped.size > 0 && this.queryWrapped(session, layout, now)) session.discovered = -1;
      return;
    }
    if (this.queryProspect(session, layout, now)) session.discovered = -1;
  }

  /** Section 3.8.1: true when this node's host opened the connection; it is the client of the fake handshakes. */
  isInitiator(session: Session): boolean {
    session.isInitiator ||= this.#initiated.has(tupleKey(session.tuple));
    return session.isInitiator;
  }

  /**
   * Asks one address that the peer announced or sent from and that has not done the handshake itself (docs/decisions.md 10).
   * @returns true when there may be another to ask, false when all were looked at.
   */
  queryProspect(session: Session, layout: LayoutName, now: number): boolean {
    const { mesh, availability, addresses } = this.state;
    for (const key of mesh.prospects(session)) {
      const destination = Math.floor(key / 0x10000);
      const destinationPort = key % 0x10000;
      const row = availability.row(destination, destinationPort);
      if (mesh.isUsable(row, session.peer) || !this.mayQuery(row) || addresses.includes(destination)) continue;
      const source = addresses[row.queries % addresses.length]!;
      const tuple = { source, sourcePort: session.tuple.sourcePort, destination, destinationPort };
      if (this.state.mayProbe(session.peer, destination, now)) this.sendQuery(row, tuple, layout, now);
      return true;
    }
    return false;
  }

  /**
   * The same for the far ends of tuples whose segments are to go in UDP (docs/decisions.md 57), from the address at which
   * a NAT may have opened the way.
   */
  queryWrapped(session: Session, layout: LayoutName, now: number): boolean {
    const { mesh, availability, addresses } = this.state;
    for (const { tuple } of session.wrapped.values()) {
      if (!addresses.includes(tuple.source) || mesh.mayUse(session, tuple)) continue;
      const row = availability.row(tuple.destination, tuple.destinationPort);
      if (!this.mayQuery(row)) continue;
      if (this.state.mayProbe(session.peer, tuple.destination, now)) this.sendQuery(row, tuple, layout, now);
      return true;
    }
    return false;
  }

  /** Sends a query of this node's own making, over UDP. */
  sendQuery(row: AvailabilityRow, tuple: Tuple, layout: LayoutName, now: number): void {
    const { transmits, composer, control, counters } = this.state;
    row.queries++;
    counters.queriesSent++;
    counters.cmSent++;
    control.datagram(transmits.filling, tuple, composer.compose(layout, Flags.enable, now));
  }

  /** Sends a copy of a packet of the host with a query or confirmation (section 3.2; the copy's checksum: docs/decisions.md 1). */
  sendCopy(view: DatagramView, tuple: Tuple, flags: number, layout: LayoutName, now: number): void {
    const { transmits, control, composer, pathMtus, counters } = this.state;
    const queue = transmits.filling;
    const cm = composer.compose(layout, flags, now);
    control.copy(queue, view, tuple, cm, composer.trailerLength(layout), pathMtus.linkMtu, Number.POSITIVE_INFINITY);
    if (view.protocol === TCP && (view.tcpFlags & TcpFlags.syn) === 0) control.spoilTcpChecksum(queue);
    counters.cmSent++;
  }

  /** A packet of MPIP itself in answer to a received one: its headers, no user data, the CM. */
  sendBack(view: DatagramView, tuple: Tuple, cm: ControlMessage): void {
    const { transmits, control, composer, pathMtus, counters } = this.state;
    control.copy(transmits.filling, view, tuple, cm, composer.trailerLength(cm.layout), pathMtus.linkMtu, 0);
    counters.cmSent++;
  }

  /** Sends a packet as it is. */
  sendPlain(packet: Uint8Array, length: number): void {
    this.state.transmits.filling.appendCopy(packet, length);
    this.state.counters.ordinarySent++;
  }

  /** Section 3.7.2: addresses and ports become those of the path; a segment of another path is wrapped (section 3.8.2). @returns octets. */
  #transmit(view: DatagramView, path: Path | undefined, cm: ControlMessage, length: number): number {
    const queue = this.state.transmits.filling;
    if (path?.encapsulation === 'udp-wrapper' && !this.#isAsBefore(path)) {
      const wrapped = wrap(view, path.tuple, this.#wrapped);
      const slot = queue.append(wrapped, MAX_TRAILER);
      slot.length = attach(this.#wrapped, cm, slot.bytes, wrapped);
      return slot.length;
    }
    const numbers = path?.session.numbers?.get(tupleKey(path.tuple));
    if (numbers !== undefined && view.end + PATH_HEADER + MAX_TRAILER < 65535) {
      const numbered = number(view, path!.tuple, numbers, this.#wrapped);
      const slot = queue.append(numbered, MAX_TRAILER);
      slot.length = attach(this.#wrapped, cm, slot.bytes, numbered);
      numbers.next = (numbers.next + slot.length - view.ipHeaderLength - PATH_HEADER) >>> 0;
      return slot.length;
    }
    const slot = queue.append(length, MAX_TRAILER);
    slot.length = attachParsed(view, cm, slot.bytes);
    if (path !== undefined && !path.isOriginal) rewriteTupleAt(slot.bytes, 0, view.l4Offset, view.protocol, path.tuple);
    return slot.length;
  }
}

/** A datagram's addresses and ports. */
export function tupleOf(view: DatagramView): Tuple {
  return {
    source: view.source,
    sourcePort: view.sourcePort,
    destination: view.destination,
    destinationPort: view.destinationPort,
  };
}
