import { performance } from 'node:perf_hooks';
import type { Micros } from './link.js';

interface Wait {
  readonly done: () => boolean;
  readonly finish: () => void;
}

/** The waits of a case on the wall clock. */
export class LiveWaits {
  /** Microseconds since 1970-01-01 UTC when `now()` was 0. */
  readonly epoch = performance.timeOrigin * 1000;
  readonly #waits = new Set<Wait>();
  #stopped = false;

  /** Microseconds of the monotonic clock. */
  now(): Micros {
    return Math.round(performance.now() * 1000);
  }

  /** Waits until `done()` is true, asked after every arrival, or until the clock is at `deadline`. */
  wait(deadline: Micros, done: () => boolean): Promise<void> {
    if (this.#stopped || done()) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const wait: Wait = {
        done,
        finish: () => {
          clearTimeout(timer);
          this.#waits.delete(wait);
          resolve();
        },
      };
      // Timers of Node may fire up to a millisecond early.
      const tick = () => {
        const left = deadline - this.now();
        if (left <= 0) {
          wait.finish();
          return;
        }
        timer = setTimeout(tick, Math.min(Math.ceil(left / 1000), 0x7fffffff));
      };
      this.#waits.add(wait);
      tick();
    });
  }

  /** Something arrived: waits that are done end. */
  arrived(): void {
    for (const wait of [...this.#waits]) if (wait.done()) wait.finish();
  }

  /** Ends every wait now and lets none begin. */
  stop(): void {
    this.#stopped = true;
    for (const wait of [...this.#waits]) wait.finish();
  }
}
