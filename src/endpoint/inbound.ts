import { ICMP } from '../codec/icmp.js';
import {
  Accept,
  type DatagramView,
  Flags,
  HeaderStatus,
  type Ipv4,
  TCP,
  TcpFlags,
  TrailerView,
} from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import { detach } from '../codec/trailer.js';
import { acceptOnly } from '../codec/view.js';
import type { ContestedAddresses } from './contested.js';
import type { FakeTcp } from './fake-tcp.js';
import type { AvailabilityHandshake } from './handshake.js';
import type { Heartbeats } from './heartbeat.js';
import type { HeldSegments } from './held-segments.js';
import { IcmpErrors } from './icmp-errors.js';
import type { InboundData } from './inbound-data.js';
import type { Leaving } from './leaving.js';
import type { Measurements } from './measurements.js';
import type { NodeState } from './node-state.js';
import type { Peer } from './nodes.js';
import type { PathChoice } from './path-choice.js';
import { senderOf } from './senders.js';
import { isReset } from './untouched.js';

/** What a node does with packets of the network (paper, sections 3.1 to 3.5, 3.7.2, 3.8), one small method for each rule. */
export class Inbound {
  readonly #view = new TrailerView();
  /** The address list of the packet in hand. */
  readonly #announced: Ipv4[] = [];
  readonly #icmpErrors: IcmpErrors;

  constructor(
    private readonly state: NodeState,
    private readonly fakeTcp: FakeTcp,
    private readonly handshake: AvailabilityHandshake,
    private readonly pathChoice: PathChoice,
    private readonly measurements: Measurements,
    private readonly heartbeats: Heartbeats,
    private readonly heldSegments: HeldSegments,
    private readonly inboundData: InboundData,
    private readonly contested: ContestedAddresses,
  ) {
    this.#icmpErrors = new IcmpErrors(state);
  }

  /** Takes a packet that arrived on an interface; `isSound`: its TCP or UDP checksum needs no verification. */
  receive(packet: Uint8Array, now: number, length: number, isSound = false, isReassembled = false): void {
    this.inboundData.isSound = isSound;
    const { deliveries, waiting, counters } = this.state;
    this.state.fetchAhead.forPacket(packet, true);
    const slot = deliveries.filling.appendCopy(packet, length);
    const view = this.#view;
    const isWhole = view.parse(slot.bytes, 0, length) === HeaderStatus.ok;
    if (!isWhole && view.protocol === ICMP && this.#icmpErrors.receive(slot.bytes, length, now)) {
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
        if (this.state.leaving === undefined && this.heldSegments.resets.take(view, length, now))
          deliveries.filling.drop(slot);
      } else if (isWhole && !isReassembled) this.noteOrdinary(view, now);
      counters.ordinaryReceived++;
      if (isWhole) this.inboundData.limitSegments(view);
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
    if (this.contested.isContested(view, now)) {
      this.strip(view);
      return this.contested.receiveClaim(view, flags, layout, now);
    }
    const { sessionId, pathId, feedbackPathId, pathDelay, timestamp } = cm;
    const peer = senderOf(view, cm.readAddresses(this.#announced), this.state, now);
    this.state.fetchAhead.forIds(peer, sessionId, pathId, feedbackPathId);
    this.handshake.markEnabled(view.source, view.sourcePort, layout);
    // Before the measurements: those of the flagged packet belong to the path that stays.
    if (flags === Flags.ipChange) this.receiveAddressChange(view, peer, sessionId, cm.localAddresses, now);
    else if (flags === Flags.normal) this.endAddressChange(peer, sessionId);
    if (pathId !== 0 && !this.measurements.isUntranslated(view, peer, sessionId))
      this.measurements.measure(peer, pathId, timestamp, now, sessionId, view);
    if (feedbackPathId !== 0 && this.measurements.isFeedbackTrusted(view, peer, sessionId, feedbackPathId))
      this.measurements.applyFeedback(peer, feedbackPathId, pathDelay, now, timestamp);
    this.inboundData.wireEnd = view.end;
    this.strip(view);
    switch (flags) {
      case Flags.enable:
        this.handshake.markHandshaken(view, peer);
        peer.asked(view.destinationPort);
        this.state.sessionRules.askedAgain(peer, now);
        this.handshake.receiveQuery(view, layout, now);
        return false;
      case Flags.enabled:
        this.handshake.markAnswered(view, peer);
        return false;
      case Flags.heartbeat:
        this.heartbeats.receiveHeartbeat(view, peer, sessionId, now, pathId);
        return false;
      case Flags.handshake:
        this.receiveHandshake(view, peer, sessionId, now);
        return false;
      default:
        return this.inboundData.receiveData(view, peer, sessionId, pathId, layout, now);
    }
  }

  /** The node is about to end: what comes with a CM still goes up without it, and nothing is answered. */
  receiveLeaving(view: TrailerView, leaving: Leaving, now: number): boolean {
    const { flags, layout, sessionId, pathId } = view.cm;
    const peer = senderOf(view, view.cm.readAddresses(this.#announced), this.state, now);
    this.inboundData.wireEnd = view.end;
    this.strip(view);
    if (flags > Flags.ipChange) return false;
    const isForHost = this.inboundData.receiveData(view, peer, sessionId, pathId, layout, now);
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

  /** Section 3.1: the CM is removed before the packet goes up. */
  strip(view: TrailerView): void {
    detach(view);
  }

  /** Section 3.8.1: a packet of a fake handshake; without its session it means nothing. */
  receiveHandshake(view: TrailerView, peer: Peer, sessionId: number, now: number): void {
    const session = this.state.sessionRules.ofControl(peer, sessionId, view, now);
    if (session === undefined || session.protocol !== TCP || view.protocol !== TCP) return;
    session.heard(now);
    this.state.sessionRules.confirm(session, sessionId);
    if ((view.tcpFlags & TcpFlags.syn) === 0 || this.state.mayAnswer(view.source, now))
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
    if (isOwn || mesh.mayMoveTo(peer, view.source)) this.pathChoice.obeyChange(session, change, now);
    else addressChange.defer(session, change, now);
  }

  /** A packet without the flag: the peer's address change is over. */
  endAddressChange(peer: Peer, sessionId: number): void {
    const session = peer.sessions.get(sessionId);
    if (session?.isChanging) this.state.addressChange.settledByPeer(session);
  }
}
