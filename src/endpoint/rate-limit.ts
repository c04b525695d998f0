import type { Ipv4 } from '../codec/index.js';

const SECOND = 1_000_000;

/**
 * So many events a second, and a burst. One number is kept: when the events so far are paid for (the generic cell rate
 * algorithm). A clock that steps back starts it again.
 */
export class RateLimit {
  readonly #interval: number;
  readonly #tolerance: number;
  #paidUntil = Number.NEGATIVE_INFINITY;

  /** `perSecond` may be `Infinity`. */
  constructor(perSecond: number, burst: number) {
    this.#interval = SECOND / perSecond;
    this.#tolerance = burst * this.#interval;
  }

  /** True when one more event at `now` (microseconds) is within the limit; it is then counted. */
  take(now: number): boolean {
    const paid = charge(this.#paidUntil, now, this.#interval, this.#tolerance);
    if (paid === undefined) return false;
    this.#paidUntil = paid;
    return true;
  }
}

/** Addresses whose rate is remembered; beyond that the one whose first event is oldest is forgotten. */
const MOST_ADDRESSES = 4096;

/** Packets that answer what came from the network: limited for each address that is answered, and in all. */
export class AnswerLimit {
  readonly #paidUntil = new Map<Ipv4, number>();
  readonly #interval: number;
  readonly #tolerance: number;
  readonly #all: RateLimit;

  constructor(perAddress: number, all: number) {
    this.#interval = SECOND / perAddress;
    this.#tolerance = 2 * perAddress * this.#interval;
    this.#all = new RateLimit(all, all);
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#paidUntil.size;
  }

  /** True when one more packet may go to `address` at `now` (microseconds); it is then counted. */
  take(address: Ipv4, now: number): boolean {
    if (this.#interval === 0) return this.#all.take(now);
    const before = this.#paidUntil.get(address);
    const paid = charge(before ?? Number.NEGATIVE_INFINITY, now, this.#interval, this.#tolerance);
    if (paid === undefined || !this.#all.take(now)) return false;
    if (before === undefined && this.#paidUntil.size >= MOST_ADDRESSES)
      this.#paidUntil.delete(this.#paidUntil.keys().next().value!);
    this.#paidUntil.set(address, paid);
    return true;
  }
}

/** When an event more at `now` would be paid for; undefined when that is too far ahead. */
function charge(paidUntil: number, now: number, interval: number, tolerance: number): number | undefined {
  const isStepped = paidUntil - now > tolerance + interval;
  const start = isStepped ? now : Math.max(paidUntil, now);
  return start - now + interval > tolerance + interval / 2 ? undefined : start + interval;
}
