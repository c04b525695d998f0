import { type Constants, type DatagramView, type Ipv4, TcpFlags, type Tuple } from '../codec/index.js';
import type { PeerChange } from './address-change.js';
import type { LargeSegments } from './black-holes.js';
import type { Limits } from './limits.js';
import type { Abandoned } from './mesh.js';
import type { Peer } from './nodes.js';
import type { WayMtu } from './path-mtu.js';
import type { PathNumbers } from './path-sequence.js';
import type { FallbackReason, Path } from './paths.js';
import type { ReorderingBuffer } from './reordering.js';
import { SessionIndex } from './session-index.js';
import type { SlowestDelay } from './slowest-delay.js';

/** Rows looked at for one to remove. */
const MOST_PROBES = 256;
/** Rows looked at in one go for expired ones. */
const ROWS_A_GO = 256;
/** A session that had packets for longer than this, the last one at most ten times this ago, is busy. */
const BUSY_MICROS = 1_000_000;

const ENDING = TcpFlags.fin | TcpFlags.rst;
const BOTH_ENDS = 3;
/** As long as NATs are to keep a TCP connection: 2 h 4 min with the paper's 120 s (RFC 5382). */
const LONG_EXPIRY = 62;

/** A tuple by which the segments of a session go in UDP, and why. */
export interface WrappedTuple {
  readonly tuple: Tuple;
  readonly reason: FallbackReason;
}

const NOTHING_WRAPPED: ReadonlyMap<string, WrappedTuple> = new Map();
const NOTHING_ABANDONED: ReadonlyMap<string, Abandoned> = new Map();
const NO_SOURCES: ReadonlySet<number> = new Set();
const NOTHING_HANDSHAKEN: ReadonlySet<string> = new Set();

/**
 * A row of Table 7: one connection (paper, section 3.7). What every packet reads or writes stands first, so that it is
 * together in memory: with many sessions, what a packet costs is the number of places that no cache holds.
 */
export class Session {
  peer: Peer;
  /** Same at both ends; 1..255 in `compact`. */
  id: number;
  /** 6 or 17. */
  readonly protocol: number;
  /** The socket pair as the host knows it, this node as source. Never changes (section 3.7.1). */
  readonly tuple: Tuple;
  /** Paths that packets of the session may take; empty until both ends hold the session. */
  readonly paths: Path[] = [];
  /** The path that was added last, for a look without the list (`FetchAhead`); it may be gone. */
  newestPath: Path | undefined;
  /** When a packet that is not a heartbeat was last sent or received, microseconds. */
  updateTime = 0;
  /** When a CM of the session was last sent, microseconds; the age of the feedback while there is no path. */
  lastSent = 0;
  /** When a CM of the session last came, microseconds. */
  heardAt = Number.NEGATIVE_INFINITY;
  /** How long packets have been sent since anything of the session arrived, microseconds; pauses count as a second at most. */
  silentMicros = 0;
  /** Ordinary packets of the connection that came since `heardAt`. */
  ordinaryPackets = 0;
  /** How long packets have been sent since `heardAt`, microseconds; pauses count as a second at most. */
  unheardMicros = 0;
  /** Up to when Algorithm 1 has run, microseconds. */
  weightsAt = 0;
  /** When the next removed path is to be probed, microseconds. */
  probeAt = Number.POSITIVE_INFINITY;
  /** Feedback that arrived for its paths, in delays. */
  answers = 0;
  /** True once a CM with the session's id came from the peer: both ends hold the row. */
  confirmed = false;
  /** True once a packet of it came by another way than its own tuple: a NAT there has not seen all of the connection. */
  isSpread = false;
  /** True while its packets go by its own tuple with path id 0 again, until the peer uses its id (docs/decisions.md 48). */
  isNaming = false;
  /** The id by which the peer calls it although this node's choice counts; 0 for none. */
  rivalId = 0;
  /** True once this host sent in it; sessions in which it never did go first when Table 7 is full. */
  isUsed: boolean;
  /** Questions of the peer (`namesAsked`) that a packet by the session's own tuple answered. */
  namesTold: number;
  /** True after the peer left the session's own remote address, until a packet comes from there again. */
  isRemoteLost = false;
  /** When paths for which the peer had no id left are tried again, microseconds. */
  moreAt = Number.POSITIVE_INFINITY;
  /** State of the peer's addresses that the paths were last made from. */
  meshVersion = -1;
  /** State of the peer's addresses for which more paths were looked for. */
  discovered = -1;
  /** True from a reset by an address change until the other end has caught up: no path is added. */
  isChanging = false;
  /** True while its host's segments wait for a fake handshake after a change of this node's addresses. */
  isOpening = false;
  /** Packets that are still to carry ip-change after a change of this node's addresses. */
  flaggedLeft = 0;
  /** True while a path waits for a packet from its far end, which is a NAT's (docs/decisions.md 59). */
  hasUnproven = false;
  /** Paths that were removed, by tuple as text; see `ownAbandoned`. */
  abandoned: ReadonlyMap<string, Abandoned> = NOTHING_ABANDONED;
  /** A change of the peer's addresses that waits for a handshake of the address that it came from. */
  deferredChange: PeerChange | undefined;
  /** Ways of the session that carry less than this node's links, by tuple as text; undefined while none is known. */
  wayMtus: Map<string, WayMtu> | undefined;
  /** Numbers of its paths, by `tupleKey`; undefined until both ends want such (docs/decisions.md 64). */
  numbers: Map<string, PathNumbers> | undefined;
  /** One past the highest sequence number that this host sent; undefined before the first segment. */
  nextSent: number | undefined;
  /** When a segment was last repeated, microseconds, and `answers` then (docs/decisions.md 69). */
  repeatedAt = Number.NEGATIVE_INFINITY;
  repeatedAnswers = -1;
  /** True once a segment without SYN came from the peer's host: it knows that the handshake of TCP is complete. */
  isEstablished = false;
  /** The last acknowledgement number of the peer's host; undefined before one. */
  acknowledged: number | undefined;
  /** The acknowledgement number of this host's last segment, and whether it was a mere acknowledgement. */
  lastAcknowledged = 0;
  lastWasBare = false;
  /** Holds TCP segments that came out of order; undefined for other protocols or when switched off. */
  reordering: ReorderingBuffer | undefined;
  /** How long the slowest path took lately, where the buffer waits by that (`reordering-margin`). */
  slowest: SlowestDelay | undefined;
  /** By which path its last large segments went; undefined before the first. */
  largeSegments: LargeSegments | undefined;
  /** Tuples by which segments go in UDP although the node uses fake TCP, by `tupleKey` (docs/decisions.md 57). */
  wrapped: ReadonlyMap<string, WrappedTuple> = NOTHING_WRAPPED;
  /** True once both ends know that segments go in UDP: wrapped ones arrived, or feedback for them did. */
  usesFallback = false;
  /** Ends of the TCP connection that send no more: 1 this host, 2 the peer's. */
  #ended = 0;
  /** Fake handshakes under way that the other end began. */
  halfOpen = 0;
  /** True when the last segment went out as it is because all is silent (docs/decisions.md 60). */
  isTrialDue = false;
  /** When a packet last went by the session's own tuple with path id 0 because of that, microseconds. */
  namedAt = Number.NEGATIVE_INFINITY;

  /** Which end chose the id. */
  origin: 'self' | 'peer';
  /** When the row was made, microseconds. */
  readonly createdAt: number;
  /** True once the peer used the id with path id 0: it may have chosen the same id for the connection itself. */
  isNamedByPeer = false;
  /** True for a session that a peer began from an address that did not do the handshake; see `Limits`. */
  isUnproven = false;
  /** When the peer was last heard to use `rivalId`, microseconds. */
  rivalAt = 0;
  /** How long the peer has been heard to use it, microseconds; pauses count as a second at most. */
  rivalMicros = 0;
  /** Other remote addresses and ports, as `addressKey`, that packets of the session came from; see `ownSources`. */
  sources: ReadonlySet<number> = NO_SOURCES;
  /** True when this node's host opened the connection: it sends the fake SYNs (section 3.8.1). */
  isInitiator = false;
  /** Tuples on which a fake handshake was begun since the last address change, as text; see `ownHandshaken`. */
  handshaken: ReadonlySet<string> = NOTHING_HANDSHAKEN;
  /** Address lists of the peer's change that was obeyed last, as text, and the path id that it came by. */
  changesSeen: Set<string> | undefined;
  changeBy = 0;

  constructor(peer: Peer, id: number, protocol: number, tuple: Tuple, origin: 'self' | 'peer', now: number) {
    this.peer = peer;
    this.id = id;
    this.protocol = protocol;
    this.tuple = tuple;
    this.origin = origin;
    this.isUsed = origin === 'self';
    this.namesTold = peer.namesAsked;
    this.createdAt = now;
    this.updateTime = now;
    this.lastSent = now;
    this.weightsAt = now;
  }

  /** Looks at what every packet needs of it; see `FetchAhead`. */
  look(): number {
    const { tuple, moreAt, probeAt, updateTime, lastSent, weightsAt, heardAt, discovered, answers, abandoned } = this;
    return (
      tuple.source +
      moreAt +
      probeAt +
      updateTime +
      lastSent +
      weightsAt +
      heardAt +
      discovered +
      answers +
      abandoned.size
    );
  }

  /** `abandoned`, to be changed: most sessions never have one of their own. */
  get ownAbandoned(): Map<string, Abandoned> {
    if (this.abandoned === NOTHING_ABANDONED) this.abandoned = new Map();
    return this.abandoned as Map<string, Abandoned>;
  }

  /** `sources`, to be changed. */
  get ownSources(): Set<number> {
    if (this.sources === NO_SOURCES) this.sources = new Set();
    return this.sources as Set<number>;
  }

  /** `handshaken`, to be changed. */
  get ownHandshaken(): Set<string> {
    if (this.handshaken === NOTHING_HANDSHAKEN) this.handshaken = new Set();
    return this.handshaken as Set<string>;
  }

  /** Notes that a CM of the session came. */
  heard(now: number): void {
    this.heardAt = now;
    this.ordinaryPackets = 0;
    this.unheardMicros = 0;
  }

  /** True for a segment whose first octet this host sent before. */
  hasSent({ sequence }: DatagramView): boolean {
    return this.nextSent !== undefined && ((sequence - this.nextSent) | 0) < 0;
  }

  /** True for a segment that says nothing new: sent before, or an acknowledgement like the last one. */
  isRepeat(view: DatagramView): boolean {
    if (this.hasSent(view)) return true;
    const { tcpFlags, payloadLength, sequence, acknowledgement } = view;
    if (payloadLength > 0 || tcpFlags !== TcpFlags.ack || !this.lastWasBare) return false;
    return sequence === this.nextSent && acknowledgement === this.lastAcknowledged;
  }

  /** Notes a segment of this host. */
  noteSent(view: DatagramView): void {
    const { tcpFlags, sequence } = view;
    if ((tcpFlags & ENDING) !== 0) this.#ended |= (tcpFlags & TcpFlags.rst) !== 0 ? BOTH_ENDS : 1;
    const space = view.payloadLength + ((tcpFlags & (TcpFlags.syn | TcpFlags.fin)) !== 0 ? 1 : 0);
    const end = (sequence + space) >>> 0;
    if ((tcpFlags & TcpFlags.syn) !== 0 || this.nextSent === undefined || ((end - this.nextSent) | 0) > 0)
      this.nextSent = end;
    this.lastAcknowledged = view.acknowledgement;
    this.lastWasBare = space === 0;
  }

  /** From now on a path has numbers of its own. */
  numberPath(key: string, next: number, received: number): void {
    this.numbers ??= new Map();
    this.numbers.set(key, { next, received });
  }

  /** Below what the peer's host expects: it acknowledges such a segment and drops it (RFC 9293, section 3.10.7.4). */
  get sequenceBelowWindow(): number {
    return ((this.acknowledged ?? this.nextSent ?? 0) - 1) >>> 0;
  }

  /** Notes a segment of the peer's host. */
  noteReceived({ tcpFlags, acknowledgement }: DatagramView): void {
    if ((tcpFlags & TcpFlags.syn) === 0) this.isEstablished = true;
    if ((tcpFlags & TcpFlags.ack) !== 0) this.acknowledged = acknowledgement;
    if ((tcpFlags & ENDING) !== 0) this.#ended |= (tcpFlags & TcpFlags.rst) !== 0 ? BOTH_ENDS : 2;
  }

  /** True when both ends of the TCP connection send no more. */
  get hasEnded(): boolean {
    return this.#ended === BOTH_ENDS;
  }

  /**
   * How many times the usual expiry the row stays. What NATs know of a connection that left fake TCP is not what its host
   * knows: it could not begin again as an ordinary one while it lives.
   */
  get expiries(): number {
    return this.usesFallback && !this.hasEnded ? LONG_EXPIRY : 1;
  }
}

/** What is remembered of a session id that is not in Table 7 any more. */
export interface FormerSession {
  readonly protocol: number;
  readonly tuple: Tuple;
  /** Which end had chosen the id; `peer` when it may have. */
  readonly origin: 'self' | 'peer';
}

/** Former ids remembered per peer. */
export const MOST_FORMER = 256;

/**
 * Table 7. A session is found by its tuple and protocol for packets of the host, by peer and session id for packets of
 * the network. A row expires `session-expiry` after the last packet that was not a heartbeat.
 */
export class SessionTable {
  readonly #rows = new Set<Session>();
  readonly #index = new SessionIndex();
  /** Rows in which this host never sent, oldest first. */
  readonly #unused = new Set<Session>();
  /** Goes through the rows in search of expired ones. */
  #hand: Iterator<Session> | undefined;
  #leftToSweep = 0;
  #goes = 1;

  constructor(
    private readonly constants: Constants,
    private readonly limits: Limits,
  ) {}

  get size(): number {
    return this.#rows.size;
  }

  /** Every row, oldest first. */
  rows(): IterableIterator<Session> {
    return this.#rows.values();
  }

  /** The live session with this socket pair; an expired one is removed first. */
  byTuple(tuple: Tuple, protocol: number, now: number): Session | undefined {
    const session = this.#index.get(tuple, protocol);
    return session === undefined ? undefined : this.#live(session, now);
  }

  /** The session with this socket pair, live or not. */
  glance(source: Ipv4, sourcePort: number, destination: Ipv4, destinationPort: number, protocol: number) {
    return this.#index.at(source, sourcePort, destination, destinationPort, protocol);
  }

  /** True when a session has this remote address and port, as `addressKey`. */
  hasRemote(key: number): boolean {
    return this.#index.hasRemote(key);
  }

  /** Notes that this host sends in the session. */
  use(session: Session): void {
    session.isUsed = true;
    this.#unused.delete(session);
    this.#prove(session);
  }

  /** The live session that `peer` and this node call `id`. */
  byId(peer: Peer, id: number, now: number): Session | undefined {
    const session = peer.sessions.get(id);
    return session === undefined ? undefined : this.#live(session, now);
  }

  /** Adds a row whose id this node chose; undefined when the peer's ids or the table are used up. */
  create(peer: Peer, protocol: number, tuple: Tuple, now: number): Session | undefined {
    if (!this.#hasRoom(peer, now)) return undefined;
    const id = freeId(peer, now);
    return id === 0 ? undefined : this.#add(new Session(peer, id, protocol, tuple, 'self', now));
  }

  /**
   * Adds a row with the id that the peer chose; both ends hold it then. `isProven` tells whether it came from an address
   * that did the handshake. Undefined when there is no room (see `Limits`).
   */
  adopt(peer: Peer, id: number, protocol: number, tuple: Tuple, now: number, isProven = true): Session | undefined {
    if (!isProven && peer.unprovenSessions >= this.limits.unprovenSessionsPerPeer) return undefined;
    if (!this.#hasRoom(peer, now)) return undefined;
    peer.sessionIds.take(id);
    const session = this.#add(new Session(peer, id, protocol, tuple, 'peer', now));
    session.confirmed = true;
    session.isUnproven = !isProven;
    if (!isProven) peer.unprovenSessions++;
    this.#unused.add(session);
    return session;
  }

  /** Gives a row the id that one end chose, the peer unless said otherwise; its paths stay (docs/decisions.md 4). */
  rename(session: Session, id: number, now: number, origin: 'self' | 'peer' = 'peer'): void {
    const { peer } = session;
    peer.sessions.delete(session.id);
    peer.sessionIds.free(session.id, now);
    this.#remember(session);
    peer.formerSessions.delete(id);
    session.id = peer.sessionIds.take(id);
    session.origin = origin;
    session.confirmed = true;
    session.isNaming = false;
    session.rivalId = 0;
    peer.sessions.set(id, session);
  }

  /** Notes that the peer calls a row by an id of its own: packets under that id belong to it, and no other row gets it. */
  alias({ peer, protocol, tuple }: Session, id: number, now: number): void {
    this.#rememberAs(peer, id, { protocol, tuple, origin: 'peer' });
    peer.sessionIds.free(peer.sessionIds.take(id), now);
  }

  /**
   * Gives a row with its paths to the peer that its own proved to be. A path whose id is in use or rests there gets another one.
   * @returns false when that peer has another row of this id; nothing is changed then.
   */
  move(session: Session, peer: Peer, now: number): boolean {
    if (peer.sessions.has(session.id)) return false;
    const from = session.peer;
    from.sessions.delete(session.id);
    peer.sessions.set(session.id, session);
    peer.sessionIds.take(session.id);
    peer.formerSessions.delete(session.id);
    if (session.isUnproven) {
      from.unprovenSessions--;
      peer.unprovenSessions++;
    }
    session.peer = peer;
    session.namesTold = peer.namesAsked;
    for (const path of [...session.paths]) {
      from.paths.delete(path.id);
      if (!peer.pathIds.isFree(path.id, now)) path.id = peer.pathIds.allocate(now);
      else peer.pathIds.take(path.id);
      if (path.id === 0) session.paths.splice(session.paths.indexOf(path), 1);
      else peer.paths.set(path.id, path);
    }
    session.meshVersion = -1;
    session.discovered = -1;
    return true;
  }

  /**
   * Gives a row of this node a new id and lets it start again with path id 0 (docs/decisions.md 5); without a free id
   * the row goes and the connection becomes ordinary.
   */
  restart(session: Session, now: number): void {
    const { peer, protocol, tuple, isSpread } = session;
    this.remove(session, now);
    const next = this.create(peer, protocol, tuple, now);
    if (next !== undefined) next.isSpread = isSpread;
  }

  /** The same for an id that the peer uses for another connection: nothing that comes under it is of this one. */
  cede(session: Session, now: number): void {
    const { peer, id } = session;
    this.restart(session, now);
    peer.formerSessions.delete(id);
  }

  /** Removes a row with its paths. */
  remove(session: Session, now: number): void {
    const { peer } = session;
    for (const path of session.paths) {
      peer.paths.delete(path.id);
      peer.pathIds.free(path.id, now);
    }
    session.paths.length = 0;
    if (peer.sessions.get(session.id) === session) {
      peer.sessions.delete(session.id);
      peer.sessionIds.free(session.id, now);
      this.#remember(session);
    }
    if (this.#rows.delete(session)) this.#index.delete(session);
    this.#unused.delete(session);
    this.#prove(session);
  }

  /**
   * Removes expired rows. A large table is gone through in several goes, so that none takes long.
   * @returns how many goes it takes to come to every row that is there now.
   */
  sweep(now: number): number {
    if (this.#leftToSweep <= 0) {
      this.#leftToSweep = this.#rows.size;
      this.#goes = Math.max(1, Math.ceil(this.#rows.size / ROWS_A_GO));
    }
    for (let i = 0; i < ROWS_A_GO && this.#leftToSweep > 0; i++, this.#leftToSweep--) {
      let step = this.#hand?.next();
      if (step === undefined || step.done === true) {
        this.#hand = this.#rows.values();
        step = this.#hand.next();
      }
      if (step.done !== true) this.#live(step.value, now);
    }
    return this.#goes;
  }

  #prove(session: Session): void {
    if (session.isUnproven) session.peer.unprovenSessions--;
    session.isUnproven = false;
  }

  /** True when one more row fits; rows in which this host never sent make room. */
  #hasRoom(peer: Peer, now: number): boolean {
    const { sessions, sessionsPerPeer } = this.limits;
    if (peer.sessions.size >= sessionsPerPeer && !this.#makeRoom(peer.sessions.values(), now)) return false;
    return this.#rows.size < sessions || this.#makeRoom(this.#unused, now);
  }

  /** Removes the first of the oldest rows in which this host never sent and that carry no traffic just now. */
  #makeRoom(oldest: Iterable<Session>, now: number): boolean {
    let probes = 0;
    for (const session of oldest) {
      if (++probes > MOST_PROBES) return false;
      if (session.isUsed) continue;
      const isBusy =
        session.updateTime - session.createdAt >= BUSY_MICROS && now - session.updateTime < 10 * BUSY_MICROS;
      if (isBusy && this.#unused.delete(session)) this.#unused.add(session);
      if (isBusy) continue;
      this.remove(session, now);
      return true;
    }
    return false;
  }

  /** The other end may use an id a little longer: its packets by other paths do not say which connection they are of. */
  #remember({ peer, id, protocol, tuple, origin, isNamedByPeer }: Session): void {
    this.#rememberAs(peer, id, { protocol, tuple, origin: isNamedByPeer ? 'peer' : origin });
  }

  #rememberAs({ formerSessions }: Peer, id: number, former: FormerSession): void {
    formerSessions.delete(id);
    if (formerSessions.size >= MOST_FORMER) formerSessions.delete(formerSessions.keys().next().value!);
    formerSessions.set(id, former);
  }

  #live(session: Session, now: number): Session | undefined {
    const age = now - session.updateTime;
    const expiry = this.constants['session-expiry'];
    if (age < expiry || age < expiry * session.expiries) return session;
    this.remove(session, now);
    return undefined;
  }

  #add(session: Session): Session {
    session.peer.sessions.set(session.id, session);
    session.peer.formerSessions.delete(session.id);
    this.#rows.add(session);
    this.#index.add(session);
    return session;
  }
}

/** A new id towards a peer, one that no kin of it has if there is such a one; 0 for none. */
function freeId({ sessionIds, kin }: Peer, now: number): number {
  const skipped: number[] = [];
  let id = sessionIds.allocate(now);
  // An id that comes twice comes for ever: the search ends with it, as with none.
  while (id !== 0 && id !== skipped.at(-1) && kin.some(({ sessions }) => sessions.has(id))) {
    skipped.push(id);
    id = sessionIds.allocate(now);
  }
  if (id === 0) id = skipped.pop() ?? 0;
  for (const one of skipped) sessionIds.free(one, now);
  return id;
}
