import { type DatagramView, type Ipv4, type Random, TcpFlags, type Tuple } from '../codec/index.js';
import { hasPathSequence } from '../codec/path-sequence.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { Limits } from './limits.js';
import { type PathMesh, tupleKey } from './mesh.js';
import type { Peer } from './nodes.js';
import type { Session } from './sessions.js';

/** A fake handshake that is under way. */
interface Handshake {
  readonly session: Session;
  readonly tuple: Tuple;
  /** First sequence number of this end. */
  readonly own: number;
  /** First sequence number of the other end; undefined before its packet. */
  other: number | undefined;
  readonly isClient: boolean;
  /** True when both ends want numbers of the path's own; of a client, after the answer (docs/decisions.md 64). */
  isNumbered: boolean;
  /** SYNs sent. */
  sent: number;
  /** When the first packet of this end went out, microseconds. */
  readonly since: number;
  /** When to send again, microseconds; Infinity for no more. */
  again: number;
}

/** Sends one packet of a handshake: a segment without payload, with a CM of flag handshake and the session's id. */
export type SendHandshake = (
  session: Session,
  tuple: Tuple,
  sequence: number,
  acknowledgement: number,
  flags: number,
  isOffer: boolean,
) => void;

const MOST_SYNS = 4;
/** A handshake that the other end began is forgotten after this many first intervals: when it would have given up. */
const SERVER_INTERVALS = 16;
/** Tuples tried for one session until its addresses change. */
const MOST_TRIED = 256;

/**
 * Fake TCP connections (paper, section 3.8.1): the initiator of a connection sends a SYN on every possible path but the
 * original, the other end answers with SYN-ACK on the same path, the ACK completes it. Sequence numbers acknowledge as
 * in TCP, so that connection-tracking NATs open. The path is used only after the three packets.
 */
export class FakeTcp {
  readonly #pending = new Map<string, Handshake>();
  /** Those that the other end began. */
  #halfOpen = 0;
  /** No handshake is due before this, microseconds. */
  #due = Number.POSITIVE_INFINITY;

  constructor(
    private readonly mesh: PathMesh,
    private readonly random: Random,
    private readonly firstIntervalMicros: number,
    private readonly maxWeight: number,
    private readonly send: SendHandshake,
    private readonly limits: Limits,
    /** Tells whether a SYN may go to an address of a peer. */
    private readonly mayProbe: (peer: Peer, address: Ipv4, now: number) => boolean,
    /** A handshake that this node began was given up. */
    private readonly onUnanswered: (session: Session, tuple: Tuple) => void,
    /** A handshake that this node began is complete while its addresses change; true when its tuple is the one path now. */
    private readonly onOpened: (session: Session, tuple: Tuple, now: number) => boolean,
    /** This node wants sequence numbers of each path's own. */
    private readonly wantsNumbers: boolean,
  ) {}

  /** Handshakes under way. */
  get size(): number {
    return this.#pending.size;
  }

  /** When to poll again, microseconds: no handshake is due before; `Infinity` for none under way. */
  get deadline(): number {
    return this.#pending.size === 0 ? Number.POSITIVE_INFINITY : this.#due;
  }

  /**
   * Starts a handshake on every possible path of a session whose initiator this node is.
   * @returns false when some had to be put off.
   */
  start(session: Session, locals: readonly Ipv4[], now: number): boolean {
    const { tuple, peer } = session;
    const own = session.isRemoteLost ? [] : [tuple.destination];
    for (const destination of new Set([...own, ...peer.announced])) {
      for (const source of locals) {
        if (source === tuple.source && destination === tuple.destination) continue;
        const wanted = { source, sourcePort: tuple.sourcePort, destination, destinationPort: tuple.destinationPort };
        if (!this.#begin(session, wanted, now)) return false;
      }
    }
    return true;
  }

  /**
   * After a change of this node's addresses: starts a handshake from each of them to each address of the peer. The first
   * to be complete is the one path that the session begins again with (docs/decisions.md 14, 15).
   */
  open(session: Session, locals: readonly Ipv4[], now: number): void {
    const { sourcePort, destinationPort } = session.tuple;
    const last = session.paths[0]?.tuple;
    const own = session.isRemoteLost ? [] : [session.tuple.destination];
    const remotes = new Set([...(last === undefined ? [] : [last.destination]), ...own, ...session.peer.announced]);
    for (const destination of remotes)
      for (const source of locals) this.#begin(session, { source, sourcePort, destination, destinationPort }, now);
  }

  /** Starts the handshake of a path anew that was removed (docs/decisions.md 52). */
  again(session: Session, tuple: Tuple, now: number): void {
    session.ownHandshaken.delete(tupleKey(tuple));
    this.#begin(session, tuple, now);
  }

  /** Takes a received packet with the handshake flag; `session` is the one that its CM names. */
  receive(view: DatagramView, session: Session, now: number): void {
    const { tcpFlags } = view;
    const tuple = reversedTuple(view);
    if ((tcpFlags & (TcpFlags.rst | TcpFlags.fin)) !== 0) return;
    const isSyn = (tcpFlags & TcpFlags.syn) !== 0;
    const isAck = (tcpFlags & TcpFlags.ack) !== 0;
    if (isSyn && !isAck) this.#answer(view, session, tuple, now);
    else if (isSyn) this.#complete(view, session, tuple, now);
    else if (isAck) this.#accept(view, session, tuple, now);
  }

  /** True while the handshake of a tuple is under way. */
  isUnderWay(tuple: Tuple): boolean {
    return this.#pending.has(tupleKey(tuple));
  }

  /** A data packet arrived by a tuple whose third packet was lost: the other end has completed the handshake. */
  seenData(tuple: Tuple, now: number): void {
    const handshake = this.#pending.size === 0 ? undefined : this.#pending.get(tupleKey(tuple));
    if (handshake !== undefined && !handshake.isClient) this.#ready(handshake, now);
  }

  /** Repeats what is due: SYNs after 1, 2 and 4 first intervals; a handshake without an answer is given up after that. */
  poll(now: number): void {
    if (now < this.#due) return;
    let next = Number.POSITIVE_INFINITY;
    for (const [key, handshake] of this.#pending) {
      if (handshake.again <= now) {
        if (!handshake.isClient || handshake.sent >= MOST_SYNS) {
          this.#remove(key, handshake);
          if (handshake.isClient) this.onUnanswered(handshake.session, handshake.tuple);
          continue;
        }
        this.#sendSyn(handshake, now);
      }
      next = Math.min(next, handshake.again);
    }
    this.#due = next;
  }

  /** Forgets the handshakes of a session. */
  forget(session: Session): void {
    if (this.#pending.size === 0) return;
    for (const [key, handshake] of this.#pending) {
      if (handshake.session !== session) continue;
      this.#remove(key, handshake);
      session.ownHandshaken.delete(key);
    }
  }

  /** False when the handshake has to be put off. */
  #begin(session: Session, tuple: Tuple, now: number): boolean {
    const key = tupleKey(tuple);
    if (session.handshaken.has(key) || this.#pending.has(key)) return true;
    if (this.#pending.size >= this.limits.handshakes || session.handshaken.size >= MOST_TRIED) return true;
    if (!this.mayProbe(session.peer, tuple.destination, now)) return false;
    session.ownHandshaken.add(key);
    const handshake: Handshake = {
      session,
      tuple,
      own: this.#initialSequence(),
      other: undefined,
      isClient: true,
      isNumbered: false,
      sent: 0,
      since: now,
      again: now,
    };
    this.#pending.set(key, handshake);
    this.#sendSyn(handshake, now);
    return true;
  }

  #sendSyn(handshake: Handshake, now: number): void {
    handshake.again = now + this.firstIntervalMicros * 2 ** handshake.sent;
    handshake.sent++;
    this.#due = Math.min(this.#due, handshake.again);
    this.send(handshake.session, handshake.tuple, handshake.own, 0, TcpFlags.syn, this.wantsNumbers);
  }

  /** Server: SYN-ACK on the same path; a repeated SYN gets the same answer. */
  #answer(view: DatagramView, session: Session, tuple: Tuple, now: number): void {
    const key = tupleKey(tuple);
    let handshake = this.#pending.get(key);
    if (handshake === undefined || handshake.isClient || handshake.session !== session) {
      const { handshakes, handshakesPerSession } = this.limits;
      if (this.#halfOpen >= handshakes / 2 || session.halfOpen >= handshakesPerSession) return;
      if (handshake !== undefined) this.#remove(key, handshake);
      this.#halfOpen++;
      session.halfOpen++;
      handshake = {
        session,
        tuple,
        own: this.#initialSequence(),
        other: view.sequence,
        isClient: false,
        isNumbered: false,
        sent: 0,
        since: now,
        again: now + SERVER_INTERVALS * this.firstIntervalMicros,
      };
      this.#pending.set(key, handshake);
      this.#due = Math.min(this.#due, handshake.again);
    }
    handshake.other = view.sequence;
    handshake.isNumbered = this.wantsNumbers && hasPathSequence(view);
    const flags = TcpFlags.syn | TcpFlags.ack;
    this.send(session, tuple, handshake.own, (view.sequence + 1) >>> 0, flags, handshake.isNumbered);
  }

  /** Client: the third packet; the path is ready. A repeated SYN-ACK is acknowledged again. */
  #complete(view: DatagramView, session: Session, tuple: Tuple, now: number): void {
    const handshake = this.#pending.get(tupleKey(tuple));
    const isExpected =
      handshake === undefined
        ? session.paths.some((path) => tupleKey(path.tuple) === tupleKey(tuple))
        : handshake.isClient && handshake.session === session && view.acknowledgement === (handshake.own + 1) >>> 0;
    if (!isExpected) return;
    this.send(session, tuple, view.acknowledgement, (view.sequence + 1) >>> 0, TcpFlags.ack, false);
    if (handshake === undefined) return;
    handshake.other = view.sequence;
    handshake.isNumbered = this.wantsNumbers && hasPathSequence(view);
    this.#ready(handshake, now);
  }

  /** Server: the ACK of its SYN-ACK; the path is ready. */
  #accept(view: DatagramView, session: Session, tuple: Tuple, now: number): void {
    const handshake = this.#pending.get(tupleKey(tuple));
    if (handshake === undefined || handshake.isClient || handshake.session !== session) return;
    if (view.acknowledgement === (handshake.own + 1) >>> 0) this.#ready(handshake, now);
  }

  #remove(key: string, handshake: Handshake): void {
    this.#pending.delete(key);
    if (handshake.isClient) return;
    this.#halfOpen--;
    handshake.session.halfOpen--;
  }

  #ready(handshake: Handshake, now: number): void {
    const { session, tuple } = handshake;
    const key = tupleKey(tuple);
    // It overtook the client's first packet without ip-change: data on the path completes it, as for a lost third packet.
    if (session.isChanging && !handshake.isClient) return;
    this.#remove(key, handshake);
    session.peer.handshaken.add(tuple.destination);
    session.peer.answered.add(tuple.destination);
    session.ownAbandoned.delete(key);
    if (handshake.isNumbered) this.#number(handshake, key);
    if (session.isChanging) {
      if (this.onOpened(session, tuple, now)) this.forget(session);
      else session.ownHandshaken.delete(key);
      return;
    }
    if (session.paths.some((path) => tupleKey(path.tuple) === key)) return;
    const path = this.mesh.add(session, tuple, this.maxWeight / (session.paths.length + 1), now);
    if (path !== undefined) path.roundTrip = now - handshake.since;
    // Without an id for the path its handshake is to be done again when there is one.
    else session.ownHandshaken.delete(key);
  }

  /**
   * A path's numbers begin where its handshake ended; those of the connection's own tuple where the connection is: until
   * now all of it went there.
   */
  #number({ session, own, other }: Handshake, key: string): void {
    const { numbers, nextSent, lastAcknowledged, tuple } = session;
    if (numbers === undefined && nextSent !== undefined)
      session.numberPath(tupleKey(tuple), nextSent, lastAcknowledged);
    session.numberPath(key, (own + 1) >>> 0, (other! + 1) >>> 0);
  }

  #initialSequence(): number {
    return this.random.below(2 ** 32);
  }
}
