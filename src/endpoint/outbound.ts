import { DatagramView, Flags, HeaderStatus, isAttachable, type LayoutName, TCP } from '../codec/index.js';
import type { AvailabilityRow } from './availability.js';
import type { Feedback } from './composer.js';
import type { Discovery } from './discovery.js';
import type { AvailabilityHandshake } from './handshake.js';
import type { NodeState } from './node-state.js';
import type { Opening } from './opening.js';
import { type PacketSize, WRAPPER_OVERHEAD } from './packet-size.js';
import type { PathChoice } from './path-choice.js';
import type { Path } from './paths.js';
import type { Probes } from './probes.js';
import type { Session } from './sessions.js';
import { type Transmitter, tupleOf } from './transmitter.js';
import { isReset, multicastOrBroadcast, usesDhcp } from './untouched.js';

/** A pause counts as this many microseconds at most. */
const LONGEST_PAUSE = 1_000_000;
/** A segment goes by every path at most once in this time, microseconds. */
const REPEAT_INTERVAL = 100_000;
/** An address that Table 4 lost is asked again at most once in so many times the path expiry. */
const LAPSE_PERIODS = 6;

/** What a node does with packets of its host (paper, sections 3.2 and 3.7.2), one small method for each rule. */
export class Outbound {
  readonly #view = new DatagramView();

  constructor(
    private readonly state: NodeState,
    private readonly transmitter: Transmitter,
    private readonly packetSize: PacketSize,
    private readonly handshake: AvailabilityHandshake,
    private readonly pathChoice: PathChoice,
    private readonly discovery: Discovery,
    private readonly probes: Probes,
    private readonly opening: Opening,
  ) {}

  /** Takes a packet that the local TCP/IP stack wants to send. */
  send(packet: Uint8Array, now: number, length: number): void {
    const view = this.#view;
    const { waiting, availability } = this.state;
    const { linkMtu } = this.state.pathMtus;
    this.state.fetchAhead.forPacket(packet, false);
    const status = view.parse(packet, 0, length);
    if (this.state.leaving !== undefined && length <= linkMtu) {
      this.sendLeaving(view, now, length);
      return;
    }
    if (length > linkMtu) {
      this.packetSize.sendOversized(view, length, now);
      return;
    }
    if (status !== HeaderStatus.ok || !this.isEligible(view)) {
      if (isReset(view)) {
        waiting.take(view.source, view.sourcePort, view.destination, view.destinationPort, now);
        if (this.sendWrappedReset(view, now, length)) return;
      }
      this.transmitter.sendPlain(packet, length);
      return;
    }
    if (view.protocol === TCP) this.discovery.noteInitiator(view, now);
    const row = availability.get(view.destination, view.destinationPort);
    if (row?.enabled && this.isForgotten(row, now)) this.transmitter.sendPlain(packet, length);
    else if (row?.enabled) this.sendToEnabled(view, row, now, length);
    else this.sendToUnknown(view, now, length);
  }

  /** The node is about to end: its host's packets are ordinary ones already. */
  sendLeaving(view: DatagramView, now: number, length: number): void {
    if (view.status === HeaderStatus.ok && view.protocol === TCP)
      this.state.sessions.byTuple(tupleOf(view), TCP, now)?.noteSent(view);
    this.transmitter.sendPlain(view.bytes, length);
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

  /** Section 3.2: the original goes out unmodified; a copy with the query flag follows while the limit is not reached. */
  sendToUnknown(view: DatagramView, now: number, length: number): void {
    const { availability, settings, counters, departures } = this.state;
    this.transmitter.sendPlain(view.bytes, length);
    const row = availability.row(view.destination, view.destinationPort);
    departures.reconsider(row, now);
    if (!this.handshake.mayQuery(row)) return;
    row.queries++;
    counters.queriesSent++;
    this.transmitter.sendCopy(view, tupleOf(view), Flags.enable, row.layout ?? settings.profile.layout, now);
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
      this.transmitter.sendPlain(view.bytes, length);
    } else if (this.packetSize.hasRoom(view, session, layout, now, length))
      this.sendData(view, session, layout, now, length);
    else this.packetSize.sendWithoutCm(view, session, layout, now, length);
    if (
      view.protocol === TCP &&
      state.waiting.take(tuple.source, tuple.sourcePort, tuple.destination, tuple.destinationPort, now)
    ) {
      state.counters.confirmationsSent++;
      this.transmitter.sendCopy(view, tuple, Flags.enabled, layout, now);
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
    this.transmitter.sendPlain(view.bytes, length);
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

  /** Sends a data packet of a session over the chosen path, with its CM. */
  sendData(view: DatagramView, session: Session, layout: LayoutName, now: number, length: number): void {
    const { state } = this;
    if (session.isOpening) {
      this.opening.hold(session, view.bytes, length);
      return;
    }
    const isAgain = session.hasSent(view);
    const isRepeat = view.protocol === TCP && session.isRepeat(view);
    if (view.protocol === TCP) session.noteSent(view);
    let path = this.pathChoice.choosePath(session, now, view, length, isRepeat);
    if (path !== undefined && view.protocol === TCP && !session.isEstablished)
      path = session.paths.find(isOwnAsTcp) ?? path;
    if (path?.fallback !== undefined) {
      path = this.pathChoice.wideEnough(path, view, layout, now, length);
      if (path === undefined) return;
    }
    const flags = this.dataFlag(session);
    const octets = this.transmitter.sendInSession(view, session, path, flags, layout, now, length);
    const fedBack = isRepeat ? state.composer.fedBack : undefined;
    if (path !== undefined && view.protocol === TCP) {
      if (view.payloadLength > 0 && state.blackHoles.sent(path, view, octets, isAgain, now))
        this.packetSize.reportTooLarge(
          view,
          length,
          state.pathMtus.forHost(session, now) - this.packetSize.overhead(view, layout),
          now,
        );
      state.fallback.sent(path, now);
      if (isRepeat) this.sendEverywhere(view, session, path, layout, now, length, fedBack);
      this.probes.provePath(view, session, layout, now);
    }
    state.sessionRules.refresh(session, Flags.normal, now);
    this.noteSilence(session, now);
    if (!session.isUsed) state.sessions.use(session);
    if (session.confirmed) this.discovery.discoverPaths(session, layout, now);
    if (now >= session.probeAt) this.probes.probeRemoved(session, layout, now, false);
    this.probes.reopen(session, now);
  }

  /**
   * Feedback is late for every path, or none came since TCP sent again before: a wrong choice would double its pause. What
   * went by one path goes by the others too, at most once in 100 ms, and so does what it fed back: it may be the one thing
   * that tells the other end which path works (docs/decisions.md 69).
   */
  sendEverywhere(
    view: DatagramView,
    session: Session,
    chosen: Path,
    layout: LayoutName,
    now: number,
    length: number,
    fedBack: Feedback | undefined,
  ): void {
    const { composer, pathMtus } = this.state;
    if (session.isChanging || now - session.repeatedAt < REPEAT_INTERVAL) return;
    const isVain = session.repeatedAnswers === session.answers;
    session.repeatedAnswers = session.answers;
    session.repeatedAt = now;
    if (!isVain && !session.paths.every((path) => path.isUnproven || path.isInDoubt(now))) return;
    const size = length + composer.trailerLength(layout);
    for (const path of session.paths) {
      const room =
        pathMtus.of(session, path.tuple, now) - (path.encapsulation === 'udp-wrapper' ? WRAPPER_OVERHEAD : 0);
      if (path === chosen || size > room) continue;
      this.probes.sendExtra(view, session, path, layout, now, length, fedBack);
    }
  }

  /** Section 3.4: after a change of this node's addresses the next packets carry ip-change. */
  dataFlag(session: Session): number {
    return this.state.addressChange.isFlagged(session) ? Flags.ipChange : Flags.normal;
  }
}

/** The path by which the handshake of TCP is done, so that what is on the way sees all of it (docs/decisions.md 57). */
function isOwnAsTcp({ isOriginal, encapsulation }: Path): boolean {
  return isOriginal && encapsulation === 'none';
}
