import type { DatagramView, LayoutName } from '../codec/index.js';
import type { PeerChange } from './address-change.js';
import type { FakeTcp } from './fake-tcp.js';
import { tupleKey } from './mesh.js';
import type { NodeState } from './node-state.js';
import type { Opening } from './opening.js';
import { type PacketSize, WRAPPER_OVERHEAD } from './packet-size.js';
import type { Path } from './paths.js';
import type { Session } from './sessions.js';

/** A session that was sent in for this many times the path expiry without an answer is named again. */
const SILENT_PERIODS = 3;
/** Nothing of a session arrived for so long, microseconds: longer than heartbeats are apart. */
const SILENT_BEFORE_TELLING = 1_500_000;

/** Which path a packet of a session takes, or its own tuple with path id 0 (paper, sections 3.6 and 3.7.2). */
export class PathChoice {
  constructor(
    private readonly state: NodeState,
    private readonly packetSize: PacketSize,
    private readonly fakeTcp: FakeTcp,
    private readonly opening: Opening,
  ) {}

  /** Section 3.6: the path of the next packet, by the priority that Table 6 gives it. */
  choosePath(session: Session, now: number, view?: DatagramView, length = 0, isRepeat = false): Path | undefined {
    const { mesh, selection, routing, addresses, pathMtus, addressChange } = this.state;
    selection.adjustWeights(session, now);
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
    const size = length + this.packetSize.overhead(view, session.peer.layout);
    const wide =
      session.wayMtus === undefined
        ? session.paths
        : session.paths.filter(({ tuple }) => size <= pathMtus.of(session, tuple, now));
    return selection.choose(session, priority, now, isRepeat ? withoutDoubt(wide, now) : wide, size);
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

  /** True while it is not decided whose the peer's addresses are: by its own tuple either of the two understands it. */
  isContested({ peer }: Session, now: number): boolean {
    const { claims } = this.state;
    return claims.size > 0 && claims.isOpen(peer, now);
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
   * The path for a segment that came to one which is wrapped only by a fallback: the same when it fits with the wrapper.
   * Otherwise the host is told the MTU that fits, and the segment takes a path without wrapper, if one is known to carry.
   */
  wideEnough(path: Path, view: DatagramView, layout: LayoutName, now: number, length: number): Path | undefined {
    const { pathMtus, composer } = this.state;
    const { session, tuple } = path;
    const room = pathMtus.of(session, tuple, now) - WRAPPER_OVERHEAD - composer.trailerLength(layout);
    if (length <= room) return path;
    this.packetSize.reportTooLarge(view, length, room, now);
    return session.paths.find((other) => other.fallback === undefined && !other.isUnproven);
  }
}

/** The paths that are neither unproven nor in doubt, or all where there is none such (docs/decisions.md 69). */
function withoutDoubt(paths: readonly Path[], now: number): readonly Path[] {
  const isSure = (path: Path) => !path.isUnproven && !path.isInDoubt(now);
  return paths.some(isSure) ? paths.filter(isSure) : paths;
}
