import { performance } from 'node:perf_hooks';
import type { Violation } from './oracle.js';
import type { Target } from './target.js';

/** How often the exchange of a soak is played to one peer, at most. A multiple of four. */
export const SOAK_REPEATS = { virtual: 24, socket: 80, raw: 80 } as const;
/** How long that exchange is, in steps. */
export const SOAK_STEPS = { virtual: 240, socket: 120, raw: 120 } as const;

/** Growth of memory over the second half of a soak that nobody explains, in octets: of a peer that is counted by itself ... */
const MOST_GROWTH = 512 * 1024;
/** ... and a process, whose pages come and go in larger pieces. */
const MOST_GROWTH_OF_PROCESS = 8 * 1024 * 1024;
/** What a leak does from one doubling to the next is twice as much; what fills a table or a heap does less each time. */
const LEAST_RATIO = 1.6;
const MOST_RATIO = 4;
/** How much longer an exchange may take at the end than at the beginning, and the least difference that counts, in milliseconds. */
const MOST_SLOWER = 4;
const LEAST_SLOWER = 2;

/**
 * Watches what only adds up while one exchange is played again and again with the same ids: from the second time on there is nothing
 * new that the peer has to remember. Memory is looked at after a quarter, a half and all of the repetitions: what leaks is in
 * proportion to them, whatever else the machine does.
 */
export class Soak {
  /** How often the exchange is played between two looks at the memory. */
  readonly rounds: readonly number[];
  /** True when each round has a peer of its own, because the look at its memory ends it. */
  readonly isAnewEachRound: boolean;
  readonly #memory: number[] = [];
  /** Milliseconds of each repetition, since the peer was new. */
  #times: number[] = [];
  #last = 0;

  constructor(
    private readonly target: Target,
    private readonly repeats: number,
  ) {
    this.isAnewEachRound = target.kind === 'virtual';
    const quarter = repeats >> 2;
    this.rounds = this.isAnewEachRound ? [quarter, 2 * quarter, 4 * quarter] : [quarter, quarter, 2 * quarter];
  }

  /** A round begins. */
  begin(): void {
    if (this.isAnewEachRound) this.#times = [];
    this.#last = this.#clock();
  }

  /** The exchange was played once more. */
  played(): void {
    const now = this.#clock();
    this.#times.push(now - this.#last);
    this.#last = now;
  }

  /** A round is over. */
  async end(): Promise<void> {
    const memory = await this.target.memory();
    if (memory !== undefined) this.#memory.push(memory);
  }

  violations(): Violation[] {
    const found: Violation[] = [];
    const [first, second, last] = this.#memory;
    if (first !== undefined && second !== undefined && last !== undefined) {
      const bound = this.target.kind === 'virtual' ? MOST_GROWTH : MOST_GROWTH_OF_PROCESS;
      const growth = last - second;
      const before = second - first;
      if (growth > bound && growth > LEAST_RATIO * before && growth < MOST_RATIO * before) {
        const each = (growth / (2 * (this.repeats >> 2)) / 1024).toFixed(1);
        found.push(
          this.#violation(
            'memory-growth',
            `Memory of the peer grows by ${each} KiB with each repetition of one exchange.`,
          ),
        );
      }
    }
    const times = this.#times;
    const quarter = this.repeats >> 2;
    if (times.length === this.repeats && quarter > 2) {
      // The shortest of many: other work on the machine makes none shorter.
      const [early, middle, late] = [
        Math.min(...times.slice(2, quarter)),
        Math.min(...times.slice(quarter, 2 * quarter)),
        Math.min(...times.slice(-quarter)),
      ] as const;
      if (late > MOST_SLOWER * early && late > middle && middle > early && late - early > LEAST_SLOWER) {
        const title = `One exchange took ${early.toFixed(1)} ms at first and ${late.toFixed(1)} ms after ${times.length} repetitions.`;
        found.push(this.#violation('latency', title));
      }
    }
    return found;
  }

  /** Milliseconds: of a peer in this process those that it worked, so that a pause of the machine is none of the peer's. */
  #clock(): number {
    if (!this.isAnewEachRound) return performance.now();
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }

  #violation(oracle: 'memory-growth' | 'latency', title: string): Violation {
    const severity = oracle === 'latency' ? 'medium' : 'high';
    return { oracle, severity, code: 'soak', title, requirements: [], frame: undefined };
  }
}
