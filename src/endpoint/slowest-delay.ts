/** The largest delay is that of the last one to two of these, microseconds. */
const WINDOW = 250_000;

/** The largest one-way delay of what arrived in a session lately, in ticks modulo 2^32: that of the slowest path in use. */
export class SlowestDelay {
  #before = 0;
  #now = 0;
  #since = Number.NEGATIVE_INFINITY;

  /**
   * Takes in the delay of a packet.
   * @returns how much longer the slowest may take, in ticks, 0 or more.
   */
  excess(delay: number, now: number): number {
    if (now - this.#since > WINDOW) {
      this.#before = now - this.#since > 2 * WINDOW ? delay : this.#now;
      this.#now = delay;
      this.#since = now;
    } else if (((delay - this.#now) | 0) > 0) this.#now = delay;
    return Math.max(0, (this.#now - delay) | 0, (this.#before - delay) | 0);
  }
}
