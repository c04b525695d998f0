import { addressKey, sameTuple, TCP, type Tuple } from '../codec/index.js';
import type { Counters } from './counters.js';
import { tupleKey } from './mesh.js';
import type { Settings } from './options.js';
import type { FallbackReason, Path } from './paths.js';
import type { Session, SessionTable } from './sessions.js';

/** Packets without feedback, and delays fed back for other paths meanwhile, before a path is taken for refused. */
const EVIDENCE = 8;
/** Of those packets, so many must be old enough for an answer. */
const OVERDUE = 10;
/** It is put on trial when this part of the packets, of the other delays and of the time has come together. */
const DOUBT_COUNT = 1 / 2;
const DOUBT_TIME = 1 / 4;
/** Round trips of its handshake that a path is given at least. */
const ROUND_TRIPS = 4;

/**
 * Finds the paths that a NAT refuses and lets their segments go in UDP (docs/decisions.md 57; paper, sections 3.8.1 and
 * 3.8.2). A NAT that checks sequence numbers, such as Linux connection tracking whose INVALID segments are dropped, lets
 * a fake handshake pass but not the data after it: a path sees parts of the connection's numbers only. Nothing tells the
 * sender but feedback that stays away while other paths of the session get theirs.
 */
export class Fallback {
  constructor(
    private readonly settings: Settings,
    private readonly sessions: SessionTable,
    private readonly counters: Counters,
  ) {}

  /** A segment of the host was sent by a path. */
  sent(path: Path, now: number): void {
    const { constants } = this.settings;
    const isTcp = path.encapsulation !== 'udp-wrapper';
    if (!isTcp && path.fallback === undefined) return;
    if (path.encapsulation === 'none' && path.session.wrapped.size > 0 && isRefusedToo(path)) {
      this.wrap(path, 'other-paths', now);
      return;
    }
    const others = path.session.answers - path.answersBefore;
    // The path would be removed; where traffic is slow that comes before there is evidence enough.
    if (isTcp && path.unansweredMicros >= constants['path-expiry'] && others > 0) path.unansweredMicros = 0;
    const evidence = Math.min(path.unanswered, others);
    if (evidence < EVIDENCE * DOUBT_COUNT) return;
    const patience = Math.max(constants['refusal-time'], ROUND_TRIPS * path.roundTrip);
    const isEnough = path.overdue >= OVERDUE && others >= EVIDENCE;
    if (isTcp && isEnough && path.waitedMicros >= patience) this.wrap(path, 'no-feedback', now);
    else if (path.waitedMicros >= patience * DOUBT_TIME) path.isUnproven = true;
  }

  /**
   * A fake handshake of this node got no answer: the path is tried in UDP once its far end is known to answer. One that was
   * there before says nothing: all was silent.
   */
  unanswered(session: Session, tuple: Tuple): void {
    if (session.paths.some((path) => sameTuple(path.tuple, tuple))) return;
    this.#remember(session, tuple, 'no-handshake');
  }

  /** The peer sent a wrapped segment by the reverse of `tuple`: it is answered in the same way, through the same NAT. */
  received(session: Session, tuple: Tuple, now: number): void {
    // A node in wrapper mode finds its paths as for UDP; the original is wrapped by its own evidence only.
    if (this.settings.tcpMode === 'udp-wrapper') return;
    const path = session.paths.find((one) => sameTuple(one.tuple, tuple));
    if (path?.encapsulation === 'udp-wrapper') {
      if (path.fallback !== undefined) session.usesFallback = true;
      return;
    }
    session.usesFallback = true;
    const key = tupleKey(tuple);
    if (session.wrapped.has(key)) return;
    session.ownAbandoned.delete(key);
    if (path === undefined) this.#remember(session, tuple, 'peer');
    else this.wrap(path, 'peer', now);
  }

  /**
   * A SYN without ACK begins another connection on the tuple: the row of a former one goes when its segments went in UDP,
   * so that NATs see a whole handshake.
   */
  connectionOpens(tuple: Tuple, now: number): void {
    const former = this.sessions.byTuple(tuple, TCP, now);
    if (former !== undefined && (former.usesFallback || this.leftOriginal(former))) this.sessions.remove(former, now);
  }

  /** True when the segments of the session's own tuple, too, go in UDP. */
  leftOriginal(session: Session): boolean {
    return session.wrapped.has(tupleKey(session.tuple));
  }

  /**
   * From now on the segments of a path go in UDP, under another id: a delay of those that went before, fed back late, would
   * prove a way that it says nothing of.
   */
  wrap(path: Path, reason: FallbackReason, now: number): void {
    const { peer } = path.session;
    this.#remember(path.session, path.tuple, reason);
    const id = peer.pathIds.allocate(now);
    if (id !== 0) {
      peer.paths.delete(path.id);
      peer.pathIds.free(path.id, now);
      path.id = id;
      peer.paths.set(id, path);
    }
    path.encapsulation = 'udp-wrapper';
    path.fallback = reason;
    path.isUnproven = true;
    path.restart();
  }

  #remember(session: Session, tuple: Tuple, reason: FallbackReason): void {
    const key = tupleKey(tuple);
    if (session.wrapped.has(key) || session.wrapped.size >= this.settings.limits.sourcesPerSession) return;
    session.wrapped = new Map([...session.wrapped, [key, { tuple, reason }]]);
    session.meshVersion = -1;
    session.discovered = -1;
    this.counters.fallbacks++;
  }
}

/**
 * True for the original path of a session when the NAT that refuses others is on it as well, as far as can be told: it
 * would let some segments of the original pass and drop those that acknowledge what went elsewhere. An end of a path is
 * clean when another path of it works as TCP; a refusal is explained when it is the fault of the path's other end.
 */
function isRefusedToo({ session, tuple }: Path): boolean {
  const { paths } = session;
  // Nothing is told while a path may still turn out either way.
  if (paths.some((path) => path.isUnproven && !path.isOriginal)) return false;
  const source = ({ tuple: one }: Path) => one.source;
  const destination = ({ tuple: one }: Path) => addressKey(one.destination, one.destinationPort);
  type End = typeof source;
  const isClean = (end: End, value: number) =>
    paths.some((path) => path.encapsulation === 'fake-tcp' && path.samples > 0 && end(path) === value);
  const refused = paths.filter((path) => path.fallback === 'no-feedback' && path.samples > 0);
  const isExplained = (end: End, value: number, other: End) =>
    refused.some((path) => end(path) === value && isClean(other, other(path)));
  const isBlamed = (end: End, value: number, other: End) =>
    !isClean(end, value) && refused.some((path) => end(path) === value && !isExplained(other, other(path), end));
  return (
    isBlamed(source, tuple.source, destination) ||
    isBlamed(destination, addressKey(tuple.destination, tuple.destinationPort), source)
  );
}
