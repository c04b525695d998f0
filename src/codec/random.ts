/**
 * A small seeded random source (the mulberry32 step): the same seed gives the same numbers everywhere. For tests,
 * identifiers and simulations; not for secrets.
 */
export class Random {
  #state: number;

  /** `seed` is cut to 32 bits. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number from 0 (included) to 1 (excluded), in steps of 2^-32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }
}
