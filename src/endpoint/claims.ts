import type { Peer } from './nodes.js';

/** So long the node that is known at an address has to show that it is still there. */
const CONTEST_MICROS = 2_000_000;
/** By another tuple than a session's own it is believed so much later: what it says of sessions is understood by that one. */
const LATER_MICROS = 8_000_000;
/** The known node is asked once in this time. */
const ASK_MICROS = 1_000_000;
/** A contest in which nothing was said for so long begins anew. */
const PAUSE_MICROS = 10_000_000;
const MOST_CONTESTS = 1024;
/** Addresses of one node from which a claim is remembered. */
const MOST_ADDRESSES = 64;

interface Contest {
  readonly since: number;
  askedAt: number;
  latest: number;
  /** Where the other node appeared, as `addressKey`. */
  readonly keys: Set<number>;
}

/**
 * Peers with sessions at whose addresses another node appeared (docs/decisions.md 56): the peer has started again with a
 * new node id, or somebody forges its address. The node that is known there is asked; when it is silent, the new one is
 * believed.
 */
export class Claims {
  /** The oldest goes. */
  readonly #contests = new Map<Peer, Contest>();

  get size(): number {
    return this.#contests.size;
  }

  /** True while another node claims an address of a peer. */
  isOpen(peer: Peer, now: number): boolean {
    const contest = this.#contests.get(peer);
    return contest !== undefined && now - contest.latest < CONTEST_MICROS;
  }

  /** A CM of the peer itself came from `key`: it is still there. */
  refute(peer: Peer, key: number): void {
    if (this.#contests.get(peer)?.keys.has(key)) this.#contests.delete(peer);
  }

  /**
   * A CM of another node came from an address of a peer; `isOwn`: by a session's own tuple.
   * @returns `ask` when the peer is to be asked there now, `wait` while it has time to answer, `won` when it did not.
   */
  claim(peer: Peer, key: number, isOwn: boolean, now: number): 'ask' | 'wait' | 'won' {
    const contest = this.#contests.get(peer);
    if (contest === undefined || now - contest.latest >= PAUSE_MICROS) {
      this.#contests.delete(peer);
      if (this.#contests.size >= MOST_CONTESTS) this.#contests.delete(this.#contests.keys().next().value!);
      this.#contests.set(peer, { since: now, askedAt: now, latest: now, keys: new Set([key]) });
      return 'ask';
    }
    contest.latest = now;
    const isNew = !contest.keys.has(key) && contest.keys.size < MOST_ADDRESSES;
    if (isNew) contest.keys.add(key);
    if (now - contest.since >= CONTEST_MICROS + (isOwn ? 0 : LATER_MICROS)) return 'won';
    if (!isNew && now - contest.askedAt < ASK_MICROS) return 'wait';
    contest.askedAt = now;
    return 'ask';
  }
}
