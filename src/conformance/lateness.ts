import type { Micros } from './link.js';

/** What is noted in one span of this length is kept as its greatest. */
const SPAN: Micros = 50_000;
/** How long what was noted counts for the slack. */
export const RECENT: Micros = 2_000_000;
/** The slack is so many times the greatest lateness of late. */
const MARGIN = 3;
/** The slack while answers take no time: timers of kernels and of Node are as coarse. */
const LEAST_SLACK: Micros = 10_000;
const MOST_SLACK: Micros = 1_000_000;
/** The slack while nothing is known of how soon the peer answers. */
export const UNKNOWN_SLACK: Micros = 300_000;

/**
 * How late things happen in a live run, for nobody's fault: this process is served late, or an ordinary datagram comes back
 * late. Noted all the time, so that what a verdict allows for is what this machine, this network and this peer need now.
 */
export class Lateness {
  /** Greatest lateness by span, from the beginning. */
  readonly #spans: Micros[] = [];
  readonly #begin: Micros;
  #answeredAt = Number.NEGATIVE_INFINITY;

  /** @param now microseconds of a monotonic clock. */
  constructor(private readonly now: () => Micros) {
    this.#begin = now();
  }

  /** Notes that this process came so late to something. */
  note(late: Micros): void {
    const span = this.#spanOf(this.now());
    if (late > (this.#spans[span] ?? 0)) this.#spans[span] = late;
  }

  /** Notes that an ordinary datagram was answered after so long. */
  noteAnswer(roundTrip: Micros): void {
    this.#answeredAt = this.now();
    this.note(roundTrip);
  }

  /** Longest time between a packet and its answer that is to be tolerated now. */
  get slack(): Micros {
    const now = this.now();
    if (now - this.#answeredAt > RECENT) return UNKNOWN_SLACK;
    return Math.min(MOST_SLACK, Math.max(LEAST_SLACK, MARGIN * this.worstSince(now - RECENT)));
  }

  /** The greatest lateness since a time of the clock. */
  worstSince(time: Micros): Micros {
    let worst = 0;
    for (let span = Math.max(0, this.#spanOf(time)); span < this.#spans.length; span++)
      worst = Math.max(worst, this.#spans[span] ?? 0);
    return worst;
  }

  #spanOf(time: Micros): number {
    return Math.floor((time - this.#begin) / SPAN);
  }
}
