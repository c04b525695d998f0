import { Flags, type Ipv4, sameTuple, TCP, type TrailerView, type Tuple } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { AvailabilityRow, AvailabilityTable } from './availability.js';
import type { Claims } from './claims.js';
import type { Composer } from './composer.js';
import type { Counters } from './counters.js';
import type { PathMesh } from './mesh.js';
import type { NodeTable, Peer } from './nodes.js';
import type { Session, SessionTable } from './sessions.js';

/** A pause between two packets under another id counts as this many microseconds at most: so a stepped clock does not. */
const LONGEST_PAUSE = 1_000_000;
/** A peer that asks for MPIP is told the names of its sessions once in so many microseconds. */
const ASK_AGAIN = 1_000_000;
/** A peer makes this node choose another id once in so many microseconds. */
const CEDE_INTERVAL = 1_000_000;
/** So long after a packet of an unknown connection no other of that peer is taken by its tuple, microseconds. */
const SUSPICION = 120_000_000;

/** A connection and who gave it its id. */
type Named = Pick<Session, 'confirmed' | 'origin' | 'tuple' | 'peer'>;

/** Which row of Table 7 a packet belongs to, and who names it (paper, section 3.7.1; docs/decisions.md 3 to 6, 23). */
export class SessionRules {
  constructor(
    private readonly sessions: SessionTable,
    private readonly nodes: NodeTable,
    private readonly availability: AvailabilityTable,
    private readonly mesh: PathMesh,
    private readonly composer: Composer,
    private readonly claims: Claims,
    private readonly counters: Counters,
    /** How long a peer may go on with another id before it gets its way, microseconds: the constant `path-expiry`. */
    private readonly patience: number,
  ) {}

  /** Section 3.7.1: the session of a packet of the host, made when there is none; undefined when the peer's ids are used up. */
  toSend(row: AvailabilityRow, tuple: Tuple, protocol: number, now: number): Session | undefined {
    const peer = this.nodes.at(row.address, row.port);
    const known = this.sessions.byTuple(tuple, protocol, now);
    if (known !== undefined && known.peer === peer) return known;
    if (known !== undefined) this.sessions.remove(known, now);
    if (peer === undefined) return undefined;
    return this.sessions.create(peer, protocol, tuple, now);
  }

  /**
   * A CM with session id `id` came for this session. When it is the id that this node uses too, both ends hold the row and
   * paths may be used (section 3.7.1; ids from 1, docs/decisions.md 3); under another id the peer has not heard of ours.
   */
  confirm(session: Session, id: number): void {
    if (session.id !== id) return;
    session.confirmed = true;
    session.isNaming = false;
    session.rivalId = 0;
    session.silentMicros = 0;
    session.namesTold = session.peer.namesAsked;
  }

  /**
   * The peer calls a connection by an id that this node does not use for it: both ends chose one, or one end forgot the
   * other's. Whatever was heard in which order, the ends come to agree (docs/decisions.md 4, 48): the id that the lower
   * node chose is used as soon as the other end is heard to know it, and until then the only one known to both.
   */
  named(session: Session, id: number, pathId: number, now: number): void {
    const { peer } = session;
    const isLoser = this.losesTo(peer);
    const former = peer.formerSessions.get(id);
    const isOwn = former?.origin === 'self' && sameTuple(former.tuple, session.tuple);
    if (isOwn && !(isLoser && pathId === 0)) {
      // It is an id that this node chose itself: a newer one did not arrive, or the higher node has come to know it.
      if (session.origin === 'self') session.isNaming = true;
      else if (!isLoser) this.sessions.rename(session, id, now, 'self');
      return;
    }
    if (isLoser || session.origin === 'peer') {
      this.sessions.rename(session, id, now);
      return;
    }
    this.sessions.alias(session, id, now);
    session.isNaming = true;
    if (session.rivalId !== id) {
      session.rivalId = id;
      session.rivalMicros = 0;
    } else session.rivalMicros += Math.min(now - session.rivalAt, LONGEST_PAUSE);
    session.rivalAt = now;
    if (session.rivalMicros >= this.patience) this.sessions.rename(session, id, now);
  }

  /** Section 3.7.1: every packet that is not a heartbeat refreshes the session, sent or received. */
  refresh(session: Session, flags: number, now: number): void {
    if (flags !== Flags.heartbeat) session.updateTime = now;
  }

  /**
   * The row of Table 7 for a data packet with a session id; collisions as in docs/decisions.md 3, 4, 5.
   * @returns undefined for a packet that is its own connection's without a row, null for one of a connection that nothing
   * here tells (docs/decisions.md 66).
   */
  received(view: TrailerView, peer: Peer, id: number, pathId: number, now: number): Session | undefined | null {
    let known = this.sessions.byId(peer, id, now);
    if (known !== undefined && pathId !== 0) {
      if (!this.isForeign(known, view, now)) return known;
      // What somebody sends who only knows the peer's node id moves nothing.
      if (known.origin === 'peer' || isMapped(known, view.destinationPort)) return null;
      if (!this.mesh.mayMoveTo(peer, view.source) || !this.#mayCede(peer, now)) return null;
      this.sessions.cede(known, now);
      known = undefined;
    }
    const tuple = reversedTuple(view);
    if (known === undefined) {
      if (pathId === 0) return this.adopt(view, peer, id, tuple, now, pathId);
      const former = this.revive(view, peer, id, pathId, now);
      if (former !== undefined) return former;
      if (this.mayAdopt(view, peer, tuple, now)) return this.adopt(view, peer, id, tuple, now, pathId);
      // The peer uses it: for a connection that this node names it would be a second one of that id.
      peer.sessionIds.free(peer.sessionIds.take(id), now);
      return null;
    }
    if (known.protocol === view.protocol && sameTuple(known.tuple, tuple)) {
      known.isNamedByPeer = true;
      return known;
    }
    // Path id 0 names the session's own tuple, and it is another one: both ends gave one id to two connections, or the
    // peer gave an id of its own to a new connection.
    peer.confusedAt = now;
    if (known.origin === 'self' && !this.losesTo(peer)) return undefined;
    // The row of another address goes only for an address that answered (docs/decisions.md 42).
    if (!this.mesh.mayMoveTo(peer, view.source) && known.tuple.destination !== view.source) return undefined;
    if (known.origin === 'self') this.sessions.restart(known, now);
    else this.sessions.remove(known, now);
    return this.adopt(view, peer, id, tuple, now, pathId);
  }

  /** The session that a packet of MPIP's own or an address change names; none is made. */
  ofControl(peer: Peer, id: number, view: TrailerView, now: number): Session | undefined {
    const session = id === 0 ? undefined : this.sessions.byId(peer, id, now);
    return session === undefined || this.isForeign(session, view, now) ? undefined : session;
  }

  /**
   * True for a packet under an id that this node chose, which is not of this node's connection: the peer has the id from
   * before this node started again, and has not heard of the new choice (docs/decisions.md 67). Whatever path a packet takes,
   * it comes to the port of its connection here, or to one that a NAT showed to the peer instead; it comes from the port
   * there, too, unless a NAT translates or a fake handshake takes another.
   */
  isForeign(named: Named, view: TrailerView, now: number): boolean {
    const { confirmed, origin, tuple, peer } = named;
    const isConfused = now - peer.confusedAt < SUSPICION;
    if (view.destinationPort !== tuple.sourcePort) {
      if (isConfused || hasConnectionAt(view.destinationPort, peer)) return true;
      return origin === 'self' && !isMapped(named, view.destinationPort);
    }
    if (origin === 'peer' && !isConfused) return false;
    if (view.sourcePort === tuple.destinationPort || view.protocol === TCP) return false;
    if (confirmed && !isConfused) return false;
    if (peer.announced.has(view.source) && peer.announced.has(tuple.destination)) return true;
    return !confirmed && isConfused;
  }

  /**
   * The session of a path packet of a node that claims the address of `holder`: its own, when it was believed elsewhere, or
   * one of the holder's that it took over with its id. Undefined when neither has it.
   */
  claimed(view: TrailerView, holder: Peer | undefined): Session | undefined {
    const { nodeId, layout, sessionId } = view.cm;
    const own = this.nodes.withId(nodeId, layout).filter((peer) => peer.sessions.has(sessionId));
    if (own.length === 1) return own[0]!.sessions.get(sessionId);
    const session = holder?.sessions.get(sessionId);
    return session?.tuple.sourcePort === view.destinationPort ? session : undefined;
  }

  /**
   * A node claims the address of a peer, so that the two are perhaps one: of an id that both use the peer's session gets
   * another (docs/decisions.md 68).
   */
  separate(holder: Peer, claimant: Peer, now: number): void {
    const both = [...holder.sessions.values()].filter(({ id }) => claimant.sessions.has(id));
    if (both.length === 0 || !this.#mayCede(holder, now)) return;
    claimant.confusedAt = now;
    for (const session of both) this.sessions.restart(session, now);
  }

  /** The same for an id that the claimant names: false when it is not to be used, as that of this node counts (decision 5). */
  isFreeOfKin(claimant: Peer, id: number, now: number): boolean {
    for (const holder of claimant.kin) {
      const session = holder.sessions.get(id);
      if (session === undefined || !this.claims.isOpen(holder, now)) continue;
      claimant.confusedAt = now;
      if ((session.origin === 'self' && !this.losesTo(claimant)) || !this.#mayCede(holder, now)) return false;
      this.sessions.restart(session, now);
    }
    return true;
  }

  /** Notes that an id is of two connections; true when one of this node may take another id now. */
  #mayCede(peer: Peer, now: number): boolean {
    peer.confusedAt = now;
    if (now - peer.cededAt < CEDE_INTERVAL) return false;
    peer.cededAt = now;
    return true;
  }

  /**
   * A path packet with an id that was in Table 7 before: it belongs to the connection that had the id, whatever path it
   * came by, so that its data reaches the right socket (docs/decisions.md 46). Undefined for an id that was not.
   */
  revive(view: TrailerView, peer: Peer, id: number, pathId: number, now: number): Session | undefined {
    const former = peer.formerSessions.get(id);
    if (former === undefined || (former.protocol !== view.protocol && former.protocol !== TCP)) return undefined;
    const { origin, tuple } = former;
    if (this.isForeign({ confirmed: false, origin, tuple, peer }, view, now)) return undefined;
    const same = this.sessions.byTuple(former.tuple, former.protocol, now);
    if (same === undefined)
      return this.sessions.adopt(peer, id, former.protocol, former.tuple, now, this.isProven(peer, view.source));
    if (same.peer !== peer) return undefined;
    this.named(same, id, pathId, now);
    return same;
  }

  /**
   * True when a path packet of an unknown session may be taken for one by the session's own tuple: a connection has a row
   * with it, or the peer did the availability handshake on it. Anything else would be a guess, and reach a wrong socket; of
   * a peer that was heard to use other tuples for connections that are not known here, a handshake says nothing either.
   */
  mayAdopt({ source, sourcePort, destination, protocol }: TrailerView, peer: Peer, tuple: Tuple, now: number): boolean {
    const row = this.availability.get(source, sourcePort);
    const isSuspect = now - peer.confusedAt < SUSPICION;
    if (!isSuspect && row !== undefined && row.handshaken === peer && row.local === destination) return true;
    if (this.sessions.byTuple(tuple, protocol, now)?.peer === peer) return true;
    peer.confusedAt = now;
    return false;
  }

  /**
   * The peer asked for MPIP at an address of this node though both have sessions: it may have started again. Each of its
   * sessions is named once more, by one packet on its own tuple; once a second at most.
   */
  askedAgain(peer: Peer, now: number): void {
    if (peer.sessions.size === 0 || now - peer.namesAskedAt < ASK_AGAIN) return;
    peer.namesAskedAt = now;
    peer.namesAsked++;
  }

  /** A session id that is not in Table 7: a new row, or the peer's id for a connection that has a row here. */
  adopt(view: TrailerView, peer: Peer, id: number, tuple: Tuple, now: number, pathId: number): Session | undefined {
    const same = this.sessions.byTuple(tuple, view.protocol, now);
    if (same !== undefined && same.peer === peer) {
      this.named(same, id, pathId, now);
      return same;
    }
    if (this.isStillOurs(peer, id, now)) return undefined;
    if (!this.isFreeOfKin(peer, id, now)) return undefined;
    if (same !== undefined) this.sessions.remove(same, now);
    const adopted = this.sessions.adopt(peer, id, view.protocol, tuple, now, this.isProven(peer, view.source));
    if (adopted === undefined) this.counters.sessionsRefused++;
    return adopted;
  }

  /**
   * True for an id that this node, the lower one, gave to a connection and gave up a short while ago: the peer may yet come
   * to use it for that connection, so that no other one gets it (docs/decisions.md 48).
   */
  isStillOurs(peer: Peer, id: number, now: number): boolean {
    const former = peer.formerSessions.get(id);
    if (former === undefined || former.origin === 'peer' || this.losesTo(peer) || peer.sessionIds.isFree(id, now))
      return false;
    return this.sessions.byTuple(former.tuple, former.protocol, now)?.peer === peer;
  }

  /** True when an address did the handshake as this peer; true for every address of a peer that has done none at all. */
  isProven(peer: Peer, address: Ipv4): boolean {
    return peer.handshaken.size === 0 || peer.handshaken.has(address);
  }

  /** Of two ids chosen at once, that of the numerically lower node id wins (docs/decisions.md 4). */
  losesTo(peer: Peer): boolean {
    return peer.nodeId < this.composer.nodeId(peer.layout);
  }
}

/**
 * True for a port that a NAT may have given packets of a connection instead of this node's: the peer, which knows the
 * connection by this id, asked for MPIP there, and has no other connection with it.
 */
function isMapped({ confirmed, peer }: Named, port: number): boolean {
  return confirmed && peer.hasAsked(port) && !hasConnectionAt(port, peer);
}

/** True when a peer has a connection with a port of this node. */
function hasConnectionAt(port: number, { sessions }: Peer): boolean {
  for (const { tuple } of sessions.values()) if (tuple.sourcePort === port) return true;
  return false;
}
