import { type Ipv4, sameTuple, type Tuple } from '../codec/index.js';
import type { PathMesh } from './mesh.js';
import { lowestDelay } from './path-selection.js';
import type { Path } from './paths.js';
import type { Session } from './sessions.js';

/** What a packet with the flag ip-change says. */
export interface PeerChange {
  /** Its addresses and ports, turned round. */
  readonly back: Tuple;
  /** Its address list. */
  readonly announced: readonly Ipv4[];
  /** Its path id. */
  readonly pathId: number;
  /** When it came, microseconds, if it was not obeyed then: what was measured since is of the paths that stay. */
  readonly since?: number;
}

/** Address lists of one change that are remembered: in `compact` they rotate. */
const MOST_LISTS = 16;

/**
 * Address change (paper, section 3.4; docs/decisions.md 14, 15): the connection is reset to one path at both ends and
 * built up again by the normal process. The session and its tuple stay, so that the layers above see nothing.
 */
export class AddressChange {
  constructor(
    private readonly mesh: PathMesh,
    /** The constant `ip-change-packets`. */
    private readonly mostFlagged: number,
    private readonly maxWeight: number,
  ) {}

  /**
   * This node's addresses became `locals`: the session keeps its lowest-delay path that still has a source address, or
   * gets one from the new primary address, and its next packets carry ip-change.
   * @returns false when the path is a new one that no packet took before.
   */
  resetOwn(session: Session, locals: readonly Ipv4[], now: number): boolean {
    const valid = session.paths.filter((path) => locals.includes(path.tuple.source));
    const best = lowestDelay(valid) ?? valid[0];
    const last: Path | undefined = best ?? lowestDelay(session.paths) ?? session.paths[0];
    const tuple = best?.tuple ?? { ...(last?.tuple ?? session.tuple), source: locals[0]! };
    this.#resetTo(session, tuple, now);
    session.flaggedLeft = this.mostFlagged;
    return best !== undefined;
  }

  /** Of a session whose addresses changed, another path than the one chosen is the first to work: it is the one path. */
  beginWith(session: Session, tuple: Tuple, now: number): void {
    if (session.paths.length !== 1 || !sameTuple(session.paths[0]!.tuple, tuple)) {
      for (const path of [...session.paths]) this.mesh.remove(path, now);
      this.mesh.add(session, tuple, this.maxWeight, now, true);
    }
    session.flaggedLeft = this.mostFlagged;
  }

  /**
   * The peer's addresses changed: everything of this connection goes but the path that the flagged packet came by, from
   * the first of `locals` when it came to an address that is gone. Later packets of the same change do not reset again.
   * @returns true when the session was reset.
   */
  resetByPeer(session: Session, change: PeerChange, locals: readonly Ipv4[], now: number): boolean {
    if (isRepeated(session, change)) return false;
    const { back, announced } = change;
    session.changesSeen = new Set([nameOf(change)]);
    session.changeBy = change.pathId;
    session.deferredChange = undefined;
    for (const address of session.peer.announced)
      if (!announced.includes(address)) session.peer.announced.delete(address);
    session.peer.feedback.forgetSession(session.id, change.since);
    // A packet from the session's own remote address shows that it is still there (PathMesh.seen); this may be one.
    session.isRemoteLost = true;
    this.#resetTo(session, locals.includes(back.source) ? back : { ...back, source: locals[0]! }, now);
    return true;
  }

  /** A change that comes from an address which has not done a handshake yet: it is obeyed when it has. */
  defer(session: Session, change: PeerChange, now: number): void {
    if (!isRepeated(session, change))
      session.deferredChange = { ...change, announced: [...change.announced], since: now };
  }

  /** The deferred change of a session whose address has done a handshake by now; undefined when there is none. */
  due({ deferredChange: change, peer }: Session): PeerChange | undefined {
    return change !== undefined && this.mesh.mayMoveTo(peer, change.back.destination) ? change : undefined;
  }

  /** The flag of the session's next data packet: ip-change until the peer fed back the new path, at least once, at most six times. */
  isFlagged(session: Session): boolean {
    if (session.flaggedLeft === 0) return false;
    const hasFeedback = session.paths.some((path) => path.samples > 0);
    if (hasFeedback && session.flaggedLeft < this.mostFlagged) {
      this.#settle(session);
      return false;
    }
    session.flaggedLeft--;
    if (session.flaggedLeft === 0) this.#settle(session);
    return true;
  }

  /** A packet of the session came without the flag: the peer's change is over, paths are added again. */
  settledByPeer(session: Session): void {
    if (session.isChanging && session.flaggedLeft === 0) this.#settle(session);
  }

  #settle(session: Session): void {
    session.flaggedLeft = 0;
    session.isChanging = false;
    session.meshVersion = -1;
  }

  #resetTo(session: Session, tuple: Path['tuple'], now: number): void {
    for (const path of [...session.paths]) this.mesh.remove(path, now);
    session.ownAbandoned.clear();
    session.probeAt = Number.POSITIVE_INFINITY;
    session.ownHandshaken.clear();
    session.ownSources.clear();
    session.isChanging = true;
    this.mesh.add(session, tuple, this.maxWeight, now, true);
  }
}

/**
 * True for a packet of the change that a session obeyed last: the same list while the change goes on, or by the same path;
 * of more than two addresses `compact` names two at a time, by the same path.
 */
function isRepeated(session: Session, change: PeerChange): boolean {
  const { changesSeen } = session;
  if (changesSeen === undefined) return false;
  const isSamePath = change.pathId !== 0 && change.pathId === session.changeBy;
  const name = nameOf(change);
  if (changesSeen.has(name)) return session.isChanging || isSamePath;
  const isOtherPart = session.isChanging && isSamePath && change.announced.length > 1 && !change.announced.includes(0);
  if (isOtherPart && changesSeen.size < MOST_LISTS) changesSeen.add(name);
  return isOtherPart;
}

function nameOf({ announced }: PeerChange): string {
  return [...announced].sort().join();
}
