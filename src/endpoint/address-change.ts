import type { Ipv4 } from '../codec/index.js';
import type { PathMesh } from './mesh.js';
import { lowestDelay } from './path-selection.js';
import type { Path } from './paths.js';
import type { Session } from './sessions.js';

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
   */
  resetOwn(session: Session, locals: readonly Ipv4[], now: number): void {
    const valid = session.paths.filter((path) => locals.includes(path.tuple.source));
    const best = lowestDelay(valid) ?? valid[0];
    const last: Path | undefined = best ?? lowestDelay(session.paths) ?? session.paths[0];
    const tuple = best?.tuple ?? { ...(last?.tuple ?? session.tuple), source: locals[0]! };
    this.#resetTo(session, tuple, now);
    session.flaggedLeft = this.mostFlagged;
  }

  /**
   * The peer's addresses changed: everything of this connection goes but the path that the flagged packet came by, from
   * the first of `locals` when it came to an address that is gone. Later packets of the same change do not reset again.
   */
  resetByPeer(
    session: Session,
    back: { source: Ipv4; sourcePort: number; destination: Ipv4; destinationPort: number },
    announced: readonly Ipv4[],
    locals: readonly Ipv4[],
    now: number,
  ): void {
    const change = [...announced].sort().join();
    if (session.isChanging && session.changeSeen === change) return;
    session.changeSeen = change;
    session.peer.announced.clear();
    for (const address of announced) if (address !== 0) session.peer.announced.add(address);
    session.peer.feedback.forgetSession(session.id);
    session.isRemoteLost =
      back.destination !== session.tuple.destination || back.destinationPort !== session.tuple.destinationPort;
    this.#resetTo(session, locals.includes(back.source) ? back : { ...back, source: locals[0]! }, now);
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
    session.changeSeen = '';
    session.meshVersion = -1;
  }

  #resetTo(session: Session, tuple: Path['tuple'], now: number): void {
    for (const path of [...session.paths]) this.mesh.remove(path, now);
    session.abandoned.clear();
    session.probeAt = Number.POSITIVE_INFINITY;
    session.handshaken.clear();
    session.sources.clear();
    session.isChanging = true;
    this.mesh.add(session, tuple, this.maxWeight, now);
  }
}
