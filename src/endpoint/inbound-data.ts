import {
  clampMss,
  type DatagramView,
  Flags,
  HeaderStatus,
  type LayoutName,
  sameTuple,
  TCP,
  TcpFlags,
  type TrailerView,
  type Tuple,
  UDP,
} from '../codec/index.js';
import { hasPathSequence, innerHeader } from '../codec/path-sequence.js';
import { comesBy, reversedTuple, rewriteTuple } from '../codec/rewrite.js';
import type { FakeTcp } from './fake-tcp.js';
import type { AvailabilityHandshake } from './handshake.js';
import type { Heartbeats } from './heartbeat.js';
import type { HeldSegments } from './held-segments.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import type { Peer } from './nodes.js';
import type { PacketSize } from './packet-size.js';
import { noteNumbers, unnumber } from './path-sequence.js';
import type { Probes } from './probes.js';
import type { Session } from './sessions.js';
import { hasSoundChecksum, holdsSegment, unwrap } from './udp-wrapper.js';

/** The sender of packets of an unknown connection is asked once in so many microseconds. */
const ASK_NAME = 1_000_000;

/** What becomes of a received packet with user data (paper, section 3.7.2, inbound). */
export class InboundData {
  /** Whether the checksum of the packet in hand is known to be right. */
  isSound = false;
  /** Where the packet in hand ended with its CM. */
  wireEnd = 0;

  constructor(
    private readonly state: NodeState,
    private readonly fakeTcp: FakeTcp,
    private readonly handshake: AvailabilityHandshake,
    private readonly heartbeats: Heartbeats,
    private readonly heldSegments: HeldSegments,
    private readonly packetSize: PacketSize,
    private readonly probes: Probes,
  ) {}

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
    if (isWrapped && !(holdsSegment(view) && (this.isSound || hasSoundChecksum(view)))) {
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
      this.heartbeats.considerHeartbeat(view, peer, session, sessionId, pathId, layout, now);
    if (session === undefined) return true;
    const { timestamp } = view.cm;
    const back = reversedTuple(view);
    mesh.seen(session, back, now);
    if (!session.isSpread) session.isSpread = isWrapped || !sameTuple(back, session.tuple);
    if (this.state.settings.scheduler !== 'paper') noteArrival(session, back, now);
    session.heard(now);
    if (this.heldSegments.resets.size > 0) this.heldSegments.resets.seen(session, view.cm.timestamp, now);
    if (isWrapped) this.state.fallback.received(session, back, now);
    else if (session.halfOpen > 0) this.fakeTcp.seenData(back, now);
    sessionRules.refresh(session, Flags.normal, now);
    sessionRules.confirm(session, sessionId);
    if (now >= session.probeAt && !isLeaving) this.probes.probeRemoved(session, layout, now, true);
    if (session.hasUnproven && session.protocol === UDP && !isLeaving) this.probes.probeUnproven(session, layout, now);
    if (isWrapped) this.unwrapSegment(view, session);
    else if (isNumbered) this.unnumberSegment(view, session, back);
    else this.restore(view, session);
    this.limitSegments(view);
    if (session.protocol !== TCP) return true;
    if (view.status === HeaderStatus.ok) session.noteReceived(view);
    return this.heldSegments.reorder(view, session, now, timestamp);
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
    if (row.handshaken !== undefined || now < row.askNameAt || !this.handshake.mayQuery(row)) return false;
    if (!this.state.mayAnswer(view.source, now)) return false;
    row.askNameAt = now + ASK_NAME;
    this.handshake.sendQuery(row, reversedTuple(view), layout, now);
    return false;
  }

  /** Section 3.1: the host reads in the peer's SYN how large its segments may be; they leave room for a CM. */
  limitSegments(view: DatagramView): void {
    if (view.protocol !== TCP || (view.tcpFlags & TcpFlags.syn) === 0) return;
    const layout = this.state.availability.get(view.source, view.sourcePort)?.layout;
    if (layout === undefined) return;
    clampMss(view.bytes, this.state.pathMtus.linkMtu - this.packetSize.overhead(view, layout), view.end);
  }

  /** The packet's addresses and ports become those that the host knows (section 3.7.2). */
  restore(view: TrailerView, session: Session): void {
    if (!comesBy(view, session.tuple)) rewriteTuple(view, inboundTuple(session));
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
    if (numbers !== undefined) noteNumbers(numbers, view, this.wireEnd);
    const length = unnumber(view, inboundTuple(session));
    view.parse(view.bytes, 0, length);
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
