import { type DatagramView, sameTuple, TCP, type Tuple } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import type { Composer } from './composer.js';
import type { Counters } from './counters.js';
import type { Fallback } from './fallback.js';
import type { NodeTable } from './nodes.js';
import type { Deliver } from './reordering.js';
import type { Session, SessionTable } from './sessions.js';

/** How long a reset waits for a sign of life of the peer's host, microseconds, and how often that is asked for one. */
const HOLD = 1_000_000;
const ASK_INTERVAL = 250_000;
/** Sessions that are looked through for a path that a reset came by. */
const MOST_SESSIONS = 256;

interface Held {
  readonly packet: Uint8Array;
  readonly deadline: number;
  /** When the peer's host is asked again. */
  askAt: number;
  /** The node's clock when it came, ticks. */
  readonly ticks: number;
}

/**
 * Resets that a NAT made up (docs/decisions.md 58). A NAT that finds a segment out of place may answer it with an RST
 * under the peer's address: Linux does, for what it does not translate. RST carry no CM, so that nothing tells them from
 * those of the peer's host, but that the peer's host goes on talking. Where parts of a connection took other ways than its
 * own tuple, an RST waits a second; the peer's host is asked for an acknowledgement by other paths, if there are any.
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
    if (!session.isSpread && session.paths.length < 2) return false;
    if (this.#held.has(session)) return true;
    const packet = view.bytes.slice(view.offset, view.offset + length);
    this.#held.set(session, {
      packet,
      deadline: now + HOLD,
      askAt: now + ASK_INTERVAL,
      ticks: this.composer.ticks(now),
    });
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
    const fastest = smallestDelay(session);
    if (fastest === undefined || ((timestamp + fastest - held.ticks) | 0) <= 0) return;
    this.#held.delete(session);
    this.counters.resetsDropped++;
    const original = session.paths.find((path) => path.isOriginal);
    if (original?.encapsulation === 'none') this.fallback.wrap(original, 'reset', now);
  }

  /** Delivers those that waited long enough, asks again about the others; returns when to look again. */
  release(now: number, deliver: Deliver): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [session, held] of this.#held) {
      const { packet, deadline } = held;
      if (deadline > now) {
        if (held.askAt <= now) {
          held.askAt = now + ASK_INTERVAL;
          this.ask(session, now);
        }
        next = Math.min(next, deadline, held.askAt);
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

/** The smallest delay that Table 5 has of the session; of a session that was just named again, of the peer. */
function smallestDelay({ id, peer }: Session): number | undefined {
  const rows = [...peer.feedback.rows()];
  const own = rows.filter(({ sessionId }) => sessionId === id);
  let smallest: number | undefined;
  for (const { delay } of own.length > 0 ? own : rows)
    if (smallest === undefined || ((delay - smallest) | 0) < 0) smallest = delay;
  return smallest;
}
