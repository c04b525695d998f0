import { performance } from 'node:perf_hooks';
import type { Violation } from './oracle.js';
import type { Target } from './target.js';

/** Growth of memory over the second half of a soak that nobody explains, in octets. */
const MOST_GROWTH = 512 * 1024;
/** The same for a process, whose pages come and go in larger pieces. */
const MOST_GROWTH_OF_PROCESS = 8 * 1024 * 1024;
/** How much longer an exchange may take at the end than at the beginning, and the least difference that counts, in milliseconds. */
const MOST_SLOWER = 8;
const LEAST_SLOWER = 2;

/** Exchanges of a soak. */
export const SOAK_REPEATS = 80;

/**
 * Watches what only adds up while one exchange is played again and again with the same ids against one peer: from the second time
 * on there is nothing new that the peer has to remember.
 */
export class Soak {
  #memory: { readonly at: number; readonly octets: number }[] = [];
  #times: number[] = [];
  #last = performance.now();

  constructor(private readonly target: Target) {}

  /** An exchange is over, the `count`th of `total`. */
  sample(count: number, total: number): void {
    const now = performance.now();
    this.#times.push(now - this.#last);
    const quarter = Math.max(1, Math.floor(total / 4));
    if (count % quarter === 0 || count === total) {
      const memory = this.target.memory();
      if (memory !== undefined) this.#memory.push({ at: count, octets: memory });
    }
    this.#last = performance.now();
  }

  violations(): Violation[] {
    const found: Violation[] = [];
    const [first, ...rest] = this.#memory;
    const middle = rest[0];
    const last = this.#memory.at(-1);
    const bound = this.target.kind === 'virtual' ? MOST_GROWTH : MOST_GROWTH_OF_PROCESS;
    if (first !== undefined && middle !== undefined && last !== undefined && last !== middle) {
      const grows = last.octets - middle.octets > bound && middle.octets > first.octets && isRising(this.#memory);
      if (grows) {
        const each = Math.round((last.octets - middle.octets) / (last.at - middle.at) / 1024);
        found.push({
          oracle: 'memory-growth',
          severity: 'high',
          code: 'soak',
          title: `Memory of the peer grows by about ${each} KiB with each repetition of one exchange.`,
          requirements: [],
          frame: undefined,
        });
      }
    }
    const times = this.#times;
    if (times.length >= 40) {
      const early = median(times.slice(5, 15));
      const late = median(times.slice(-10));
      if (late > MOST_SLOWER * early && late - early > LEAST_SLOWER) {
        found.push({
          oracle: 'latency',
          severity: 'medium',
          code: 'soak',
          title: `One exchange took ${early.toFixed(1)} ms at first and ${late.toFixed(1)} ms after ${times.length} repetitions.`,
          requirements: [],
          frame: undefined,
        });
      }
    }
    return found;
  }
}

function isRising(samples: readonly { readonly octets: number }[]): boolean {
  return samples.every((sample, i) => i === 0 || sample.octets > samples[i - 1]!.octets);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}
