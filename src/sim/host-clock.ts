/** What is wrong with a host's clock. */
export interface ClockOptions {
  /** Microseconds that the clock is ahead of the network's; may be negative. Default 0. */
  readonly offsetMicros?: number;
  /** Microseconds that it gains per second, parts per million; may be negative. Default 0. */
  readonly driftPpm?: number;
}

/** A host's own clock: the network's time with an offset and a drift. Whole microseconds. */
export class HostClock {
  #base: number;
  #local: number;
  #rate: number;

  constructor(options: ClockOptions, now: number) {
    this.#base = now;
    this.#local = now + (options.offsetMicros ?? 0);
    this.#rate = 1 + (options.driftPpm ?? 0) / 1e6;
  }

  /** The host's time when the network's is `now`. */
  read(now: number): number {
    return Math.floor(this.#local + (now - this.#base) * this.#rate);
  }

  /** The network's time at which the host's clock shows `local`, rounded up. */
  when(local: number): number {
    return local === Number.POSITIVE_INFINITY ? local : Math.ceil(this.#base + (local - this.#local) / this.#rate);
  }

  /** Steps the clock and, when given, changes its drift. */
  change(now: number, stepMicros: number, driftPpm?: number): void {
    this.#local = this.#local + (now - this.#base) * this.#rate + stepMicros;
    this.#base = now;
    if (driftPpm !== undefined) this.#rate = 1 + driftPpm / 1e6;
  }
}
