import {
  addressKey,
  addressOfKey,
  type Constants,
  type Ipv4,
  portOfKey,
  sameTuple,
  TCP,
  type Tuple,
  UDP,
} from '../codec/index.js';
import type { AvailabilityRow, AvailabilityTable } from './availability.js';
import type { NodeTable, Peer } from './nodes.js';
import { lowestDelay } from './path-selection.js';
import { Path } from './paths.js';
import type { Session } from './sessions.js';

/** An obsolete path is left alone for this many times the path expiry, and twice as long each time it fails again. */
const RETRY_PERIODS = 6;
const MOST_DOUBLINGS = 4;

/** Removed tuples that a session remembers. */
const MOST_ABANDONED = 256;

/** A removed path of a session. Times in microseconds. */
export interface Abandoned {
  readonly tuple: Tuple;
  /** How often it was removed with no feedback in between. */
  readonly failures: number;
  /** When it was removed. */
  readonly at: number;
  /** From when a packet that comes by it makes it a path again; `Infinity` when it was removed for good. */
  readonly retryAt: number;
  /** When it is to be probed next. */
  probeAt: number;
  /** Probes sent. */
  probes: number;
  /** True when it is to be a path again. */
  isDue: boolean;
  /** True when nothing ever arrived by it: the first packet that does makes it a path again. */
  readonly isUnproven: boolean;
}

/** How many paths a session may have and which remote addresses it may use. */
export interface MeshOptions {
  /** Keep only the fastest N paths (paper, section 3.3); 0 keeps all. */
  readonly maxPaths: number;
  /** TCP segments on other paths go as UDP (section 3.8.2): their paths need no fake handshake. */
  readonly wrapsTcp: boolean;
  /** A remote address joins only after it confirmed a query of this node. */
  readonly returnProof: boolean;
  /** Most other addresses and ports that packets of one session came from. */
  readonly sourcesPerSession: number;
}

/**
 * The rows of Table 3 of a session (paper, section 3.3): every local address to every remote address that is known to
 * speak MPIP at the session's port. A remote address joins when it did the availability handshake itself (docs/decisions.md 10, 40).
 */
export class PathMesh {
  constructor(
    private readonly constants: Constants,
    private readonly availability: AvailabilityTable,
    private readonly nodes: NodeTable,
    private readonly options: MeshOptions,
  ) {}

  /**
   * Adds the paths that a session can have by now. Weights of paths that are there stay; new ones begin with
   * weight-max over the number of paths (docs/decisions.md 22).
   */
  extend(session: Session, locals: readonly Ipv4[], now: number): void {
    const { peer } = session;
    if (now >= session.moreAt) {
      session.moreAt = Number.POSITIVE_INFINITY;
      session.meshVersion = -1;
      session.discovered = -1;
    }
    if (session.meshVersion === peer.version || session.isChanging) return;
    session.meshVersion = peer.version;
    const wanted: Tuple[] = [];
    if (this.hasOwnTuple(session, locals)) this.#want(session, session.tuple, wanted);
    if (session.protocol === UDP || this.options.wrapsTcp) {
      for (const remote of this.remotes(session)) {
        for (const source of locals) {
          this.#want(session, { source, sourcePort: session.tuple.sourcePort, ...remote }, wanted);
        }
      }
    } else {
      for (const { tuple } of session.wrapped.values())
        if (locals.includes(tuple.source) && this.mayUse(session, tuple)) this.#want(session, tuple, wanted);
    }
    for (const removed of session.abandoned.values())
      if (removed.isDue && locals.includes(removed.tuple.source) && this.#isOfPeer(removed.tuple, session.peer))
        this.#want(session, removed.tuple, wanted);
    const weight = this.constants['weight-max'] / (session.paths.length + wanted.length);
    for (const tuple of wanted) {
      const isOnTrial = session.abandoned.has(tupleKey(tuple));
      const path = this.add(session, tuple, weight, now);
      if (isOnTrial) path?.onTrial(this.constants['weight-min']);
    }
  }

  /** True while both ends of a session's own tuple are there. */
  hasOwnTuple(session: Session, locals: readonly Ipv4[]): boolean {
    return !session.isRemoteLost && locals.includes(session.tuple.source);
  }

  /** The remote addresses and ports that a session may use: its own, and those of the peer that answered at the same port or were seen in the session. */
  remotes(session: Session): { destination: Ipv4; destinationPort: number }[] {
    const { destination, destinationPort } = session.tuple;
    const list = this.prospects(session)
      .map((key) => ({ destination: addressOfKey(key), destinationPort: portOfKey(key) }))
      .filter((remote) =>
        this.isUsable(this.availability.get(remote.destination, remote.destinationPort), session.peer),
      );
    if (!session.isRemoteLost) list.unshift({ destination, destinationPort });
    return list;
  }

  /** True when an address did the handshake as this peer, and answered a query of this node where that is asked for. */
  isUsable(row: AvailabilityRow | undefined, peer: Peer): boolean {
    if (row === undefined || row.handshaken !== peer || (this.options.returnProof && !row.answered)) return false;
    const holder = this.nodes.at(row.address, row.port);
    return holder === undefined || holder === peer;
  }

  /** True when a session of a peer may move to an address: it did a handshake as this peer, and answered where that is asked for. */
  mayMoveTo(peer: Peer, address: Ipv4): boolean {
    return (this.options.returnProof ? peer.answered : peer.handshaken).has(address);
  }

  #isOfPeer({ destination, destinationPort }: Tuple, peer: Peer): boolean {
    const holder = this.nodes.at(destination, destinationPort);
    return holder === undefined || holder === peer;
  }

  /** True when a session's user data may go to the far end of a tuple: the session's own, or one that answered. */
  mayUse({ tuple: own, peer }: Session, { destination, destinationPort }: Tuple): boolean {
    if (destination === own.destination && destinationPort === own.destinationPort) return true;
    return this.isUsable(this.availability.get(destination, destinationPort), peer);
  }

  /** Addresses and ports, as `addressKey`, by which the peer may be reached in this session besides the session's own. */
  prospects(session: Session): number[] {
    const { destination, destinationPort } = session.tuple;
    const own = addressKey(destination, destinationPort);
    const keys = new Set(session.sources);
    for (const address of session.peer.announced) keys.add(addressKey(address, destinationPort));
    keys.delete(own);
    return [...keys];
  }

  /**
   * Adds one path, of the smallest weight at least. Undefined when the peer's path ids are used up, and then it is tried
   * again every 30 s. `isOnly`: the session has no other way, so that it gets an id all the same, one that was freed a
   * moment ago or that of a session with several paths (docs/decisions.md 32).
   */
  add(session: Session, tuple: Tuple, weight: number, now: number, isOnly = false): Path | undefined {
    const { peer } = session;
    let id = peer.pathIds.allocate(now);
    if (id === 0 && isOnly) {
      id = peer.pathIds.reuse();
      if (id === 0 && this.#spare(peer, now)) id = peer.pathIds.reuse();
    }
    if (id === 0) {
      session.moreAt = Math.min(session.moreAt, now + RETRY_PERIODS * this.constants['path-expiry']);
      return undefined;
    }
    const path = new Path(id, session, tuple, Math.max(weight, this.constants['weight-min']), now);
    if (session.abandoned.size > 0) {
      const key = tupleKey(tuple);
      path.failures = session.abandoned.get(key)?.failures ?? 0;
      session.ownAbandoned.delete(key);
    }
    // Table 4 lost the row with the last path to there (section 3.3).
    if (this.nodes.at(tuple.destination, tuple.destinationPort) === undefined)
      this.nodes.prove(session.peer, tuple.destination, tuple.destinationPort);
    if (session.protocol === TCP) this.#encapsulate(path);
    if (path.encapsulation !== 'fake-tcp' && this.#needsOpening(path)) {
      path.isUnproven = true;
      session.hasUnproven = true;
    }
    session.paths.push(path);
    session.newestPath = path;
    session.peer.paths.set(id, path);
    return path;
  }

  /** Removes a path of a session that has several, so that its id is free; false when there is none. */
  #spare(peer: Peer, now: number): boolean {
    for (const { paths } of peer.sessions.values()) {
      if (paths.length < 2) continue;
      this.remove(paths[paths.length - 1]!, now);
      return true;
    }
    return false;
  }

  /**
   * True for a path to an address that the peer does not have, so a NAT's, as long as nothing came from there to the path's
   * own address: the NAT may let in only what it was used towards (RFC 4787, section 5; docs/decisions.md 59).
   */
  #needsOpening({ tuple, session: { peer }, isOriginal }: Path): boolean {
    const { source, destination, destinationPort } = tuple;
    if (isOriginal || peer.announced.size === 0 || peer.announced.has(destination)) return false;
    return this.availability.get(destination, destinationPort)?.local !== source;
  }

  /**
   * Removes obsolete paths: sent on for `path-expiry` without feedback (section 3.4); the last path stays. Then those
   * beyond the fastest N, once all are measured.
   */
  prune(session: Session, now: number): void {
    const limit = this.constants['path-expiry'];
    const { paths } = session;
    for (let i = paths.length - 1; i >= 0; i--) {
      if (paths[i]!.unansweredMicros < limit) continue;
      if (paths.length > 1) this.abandon(paths[i]!, now, this.restOf(paths[i]!.failures));
      else if (session.abandoned.size > 0) this.retryAll(session, now);
    }
    const { maxPaths } = this.options;
    while (maxPaths > 0 && paths.length > maxPaths && paths.every((path) => path.samples > 0)) {
      this.abandon(slowest(paths), now, Number.POSITIVE_INFINITY);
    }
  }

  /** How long a path rests that was removed `failures` times before, with no feedback in between. */
  restOf(failures: number): number {
    return RETRY_PERIODS * this.constants['path-expiry'] * 2 ** Math.min(failures, MOST_DOUBLINGS);
  }

  /**
   * The last path of a session is obsolete, too: those removed before are as good, and all are tried again with equal
   * weights, the longer after their removal the more often that was in vain (docs/decisions.md 52).
   */
  retryAll(session: Session, now: number): void {
    const limit = this.constants['path-expiry'];
    for (const removed of session.abandoned.values()) {
      if (removed.retryAt === Number.POSITIVE_INFINITY || removed.isDue) continue;
      if (now - removed.at < limit * 2 ** Math.min(removed.failures - 1, MOST_DOUBLINGS)) continue;
      removed.isDue = true;
      session.meshVersion = -1;
      session.paths[0]!.onTrial(this.constants['weight-min']);
    }
  }

  /** Somebody says that a path leads nowhere: unless feedback arrives, it is obsolete after `trialMicros` of sending. */
  doubt(path: Path, trialMicros: number): void {
    path.unansweredMicros = Math.max(path.unansweredMicros, this.constants['path-expiry'] - trialMicros);
  }

  /**
   * Removes a path. Its tuple is tried again when the addresses change, or, `rest` microseconds later, when a packet of
   * the session comes by it: a path may be broken in one direction only. From then on it is probed (`nextProbe`).
   */
  abandon(path: Path, now: number, rest: number): void {
    const { session, tuple } = path;
    if (session.abandoned.size >= MOST_ABANDONED) session.ownAbandoned.delete(session.abandoned.keys().next().value!);
    const retryAt = now + rest;
    session.ownAbandoned.set(tupleKey(tuple), {
      tuple,
      failures: path.failures + 1,
      at: now,
      retryAt,
      probeAt: retryAt,
      probes: 0,
      isDue: false,
      isUnproven: path.isUnproven,
    });
    session.probeAt = Math.min(session.probeAt, retryAt);
    this.remove(path, now);
    const { destination, destinationPort } = tuple;
    const isUsed = [...session.peer.sessions.values()].some(
      (other) =>
        (other.tuple.destination === destination && other.tuple.destinationPort === destinationPort) ||
        other.paths.some(
          (left) => left.tuple.destination === destination && left.tuple.destinationPort === destinationPort,
        ),
    );
    if (!isUsed) this.nodes.unprove(destination, destinationPort);
  }

  /**
   * The removed path of a session that is to be probed now, if any: one at a time, each again after 30 s, 60 s and so on
   * up to 8 minutes (docs/decisions.md 52).
   */
  nextProbe(session: Session, now: number): Abandoned | undefined {
    let chosen: Abandoned | undefined;
    for (const removed of session.abandoned.values())
      if (removed.probeAt <= now && (chosen === undefined || removed.probeAt < chosen.probeAt)) chosen = removed;
    if (chosen !== undefined) chosen.probeAt = now + this.restOf(chosen.probes++);
    session.probeAt = Number.POSITIVE_INFINITY;
    for (const { probeAt } of session.abandoned.values()) session.probeAt = Math.min(session.probeAt, probeAt);
    session.probeAt = Math.max(session.probeAt, now + this.constants['path-refresh']);
    return chosen;
  }

  /** Lets a removed path be made again with the session's next packet. */
  retry(session: Session, removed: Abandoned): void {
    removed.isDue = true;
    session.meshVersion = -1;
  }

  /** Removes a path from Table 3. */
  remove(path: Path, now: number): void {
    const { session } = path;
    session.paths.splice(session.paths.indexOf(path), 1);
    session.peer.paths.delete(path.id);
    session.peer.pathIds.free(path.id, now);
  }

  /**
   * A packet of the session arrived by the reverse of a tuple: the tuple works, whatever was found before. A probe of the
   * other end says more than a data packet: that end waits for nothing else.
   */
  seen(session: Session, tuple: Tuple, now: number, isProbe = false): void {
    if (session.hasUnproven) opened(session, tuple);
    if (session.abandoned.size > 0) {
      const removed = session.abandoned.get(tupleKey(tuple));
      const isRested = removed !== undefined && (removed.retryAt <= now || removed.isUnproven);
      const isAsked = isProbe && removed !== undefined && now - removed.at >= this.constants['path-expiry'];
      if (isRested || (isAsked && removed.retryAt < Number.POSITIVE_INFINITY)) this.retry(session, removed!);
    }
    const { destination, destinationPort } = tuple;
    if (destination === session.tuple.destination && destinationPort === session.tuple.destinationPort) {
      if (session.isRemoteLost) session.meshVersion = -1;
      session.isRemoteLost = false;
      return;
    }
    const key = addressKey(destination, destinationPort);
    if (session.sources.has(key)) return;
    if (session.sources.size >= this.options.sourcesPerSession) this.#forgetSource(session);
    session.ownSources.add(key);
    session.meshVersion = -1;
    session.discovered = -1;
  }

  /** How segments travel on a new path (section 3.8; docs/decisions.md 57). */
  #encapsulate(path: Path): void {
    const { session, tuple, isOriginal } = path;
    if (session.wrapped.size > 0) path.fallback = session.wrapped.get(tupleKey(tuple))?.reason;
    if (path.fallback === undefined && isOriginal) return;
    path.encapsulation = path.fallback !== undefined || this.options.wrapsTcp ? 'udp-wrapper' : 'fake-tcp';
    path.isUnproven = path.fallback !== undefined || !this.options.wrapsTcp;
  }

  /** Makes room for a source: the oldest that is no path goes, else the oldest. */
  #forgetSource(session: Session): void {
    let goes: number | undefined;
    for (const key of session.sources) {
      goes ??= key;
      const row = this.availability.get(addressOfKey(key), portOfKey(key));
      if (this.isUsable(row, session.peer)) continue;
      goes = key;
      break;
    }
    if (goes !== undefined) session.ownSources.delete(goes);
  }

  #want(session: Session, tuple: Tuple, wanted: Tuple[]): void {
    if (session.abandoned.size > 0 && session.abandoned.get(tupleKey(tuple))?.isDue === false) return;
    for (const path of session.paths) if (sameTuple(path.tuple, tuple)) return;
    for (const other of wanted) if (sameTuple(other, tuple)) return;
    wanted.push(tuple);
  }
}

/** A packet came by the reverse of a tuple: what goes back by it passes, too. */
function opened(session: Session, tuple: Tuple): void {
  session.hasUnproven = false;
  for (const path of session.paths) {
    if (!path.isUnproven || path.encapsulation === 'fake-tcp' || path.fallback !== undefined) continue;
    if (sameTuple(path.tuple, tuple)) path.isUnproven = false;
    else session.hasUnproven = true;
  }
}

/** The path with the highest delay of paths that are all measured. */
function slowest(paths: readonly Path[]): Path {
  const left = [...paths];
  while (left.length > 1) left.splice(left.indexOf(lowestDelay(left)!), 1);
  return left[0]!;
}

/** A tuple as text, for sets. */
export function tupleKey(tuple: Tuple): string {
  return `${tuple.source}:${tuple.sourcePort}-${tuple.destination}:${tuple.destinationPort}`;
}
