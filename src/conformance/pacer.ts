import type { Micros } from './link.js';

/**
 * Most packets a second that a live run sends unless told otherwise: fifty cases that begin together do not overrun the buffers of
 * a small echo server.
 */
export const DEFAULT_RATE = 4000;

/** Packets that may leave at once after a pause, as a part of those of a second. */
const BURST_SHARE = 0.05;
const LEAST_BURST = 8;

/**
 * Keeps to a number of packets a second: what is too early waits in order. Waits of cases are lengthened by what their
 * packets are late (`lateness`).
 */
export class Pacer {
  readonly #queue: (() => void)[] = [];
  readonly #burst: number;
  #tokens: number;
  #filledAt: Micros;
  #timer: NodeJS.Timeout | undefined;

  /** @param rate packets a second, above 0. @param now microseconds of a monotonic clock. */
  constructor(
    readonly rate: number,
    private readonly now: () => Micros,
  ) {
    this.#burst = Math.max(LEAST_BURST, rate * BURST_SHARE);
    this.#tokens = this.#burst;
    this.#filledAt = now();
  }

  /** How long a packet that is handed over now waits, in microseconds. */
  get lateness(): Micros {
    return (this.#queue.length / this.rate) * 1_000_000;
  }

  /** Calls `send` now or as soon as the rate allows it. */
  pass(send: () => void): void {
    this.#fill();
    if (this.#queue.length === 0 && this.#tokens >= 1) {
      this.#tokens--;
      send();
      return;
    }
    this.#queue.push(send);
    this.#wakeLater();
  }

  /** Throws away what waits. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue.length = 0;
  }

  #fill(): void {
    const now = this.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) * this.rate) / 1_000_000);
    this.#filledAt = now;
  }

  #wakeLater(): void {
    if (this.#timer !== undefined) return;
    const micros = ((1 - this.#tokens) / this.rate) * 1_000_000;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#fill();
        while (this.#queue.length > 0 && this.#tokens >= 1) {
          this.#tokens--;
          this.#queue.shift()!();
        }
        if (this.#queue.length > 0) this.#wakeLater();
      },
      Math.max(1, micros / 1000),
    );
  }
}
