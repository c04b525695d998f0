import { type DatagramView, sameTuple, TCP, type Tuple } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { Composer } from './composer.js';
import type { Counters } from './counters.js';
import type { Fallback } from './fallback.js';
import type { NodeTable } from './nodes.js';
import type { Deliver } from './reordering.js';
import type { Session, SessionTable } from './sessions.js';

/** How long a reset waits for a sign of life of the peer's host, microseconds. */
const HOLD = 1_000_000;
/** Sessions that are looked through for a path that a reset came by. */
const MOST_SESSIONS = 256;

interface Held {
  readonly packet: Uint8Array;
  readonly deadline: number;
  /** The node's clock when it came, ticks. */
  readonly ticks: number;
}

/**
 * Resets that a NAT made up (docs/decisions.md 58). A NAT that finds a segment out of place may answer it with an RST
 * under the peer's address: Linux does, for what it does not translate. RST carry no CM, so that nothing tells them from
 * those of the peer's host, but that the peer's host goes on talking. Where a session has several paths, an RST waits a
 * second; the peer's host is asked for an acknowledgement by another path.
 */
export class ResetHold {
  readonly #held = new Map<Session, Held>();

  constructor(
    private readonly sessions: SessionTable,
    private readonly nodes: NodeTable,
    private readonly fallback: Fallback,
    private readonly composer: Composer,
    private readonly counters: Counters,
    /** Sends the peer's host something that it acknowledges, if it has the connection. */
    private readonly ask: (session: Session, now: number) => void,
  ) {}

  /** Resets that wait. */
  get size(): number {
    return this.#held.size;
  }

  /** Takes an RST without a CM; true when it is not delivered now. */
  take(view: DatagramView, length: number, now: number): boolean {
    const back = reversedTuple(view);
    const session = this.sessions.byTuple(back, TCP, now);
    if (session === undefined) return this.#blamePath(view, back, now);
    if (!session.confirmed || session.paths.length < 2) return false;
    if (this.#held.has(session)) return true;
    const packet = view.bytes.slice(view.offset, view.offset + length);
    this.#held.set(session, { packet, deadline: now + HOLD, ticks: this.composer.ticks(now) });
    this.ask(session, now);
    return true;
  }

  /**
   * A packet of a session came from the peer. Sent after the reset came, by what is known of the clocks, it shows that the
   * reset was not the host's: what sends nothing but resets has closed.
   */
  seen(session: Session, timestamp: number, now: number): void {
    const held = this.#held.get(session);
    if (held === undefined) return;
    let fastest: number | undefined;
    for (const row of session.peer.feedback.rows())
      if (row.sessionId === session.id && (fastest === undefined || ((row.delay - fastest) | 0) < 0))
        fastest = row.delay;
    if (fastest === undefined || ((timestamp + fastest - held.ticks) | 0) <= 0) return;
    this.#held.delete(session);
    this.counters.resetsDropped++;
    const original = session.paths.find((path) => path.isOriginal);
    if (original?.encapsulation === 'none') this.fallback.wrap(original, 'reset', now);
  }

  /** Delivers those that waited long enough; returns when to look again. */
  release(now: number, deliver: Deliver): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [session, { packet, deadline }] of this.#held) {
      if (deadline > now) {
        next = Math.min(next, deadline);
        continue;
      }
      this.#held.delete(session);
      deliver(packet, packet.length);
    }
    return next;
  }

  /** The hosts know nothing of a fake connection: who resets one is on the way. False when it is none. */
  #blamePath({ source, sourcePort }: DatagramView, back: Tuple, now: number): boolean {
    let left = MOST_SESSIONS;
    for (const session of this.nodes.at(source, sourcePort)?.sessions.values() ?? []) {
      if (left-- === 0) return false;
      const path = session.paths.find((one) => sameTuple(one.tuple, back));
      if (path === undefined) continue;
      if (path.encapsulation === 'fake-tcp') this.fallback.wrap(path, 'reset', now);
      this.counters.resetsDropped++;
      return true;
    }
    return false;
  }
}
