import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Random } from '../codec/index.js';
import type { VaryingRate } from './conditions.js';
import type { RateLimit } from './shaping.js';

/** Changes rates again and again, as that of a wireless link changes; the same sequence each time. */
export class RateVariation {
  readonly #shells: ChildProcess[];
  readonly #timer: NodeJS.Timeout;
  readonly #random: Random;

  constructor(limits: readonly RateLimit[], rate: VaryingRate, seed: number) {
    this.#random = new Random(seed);
    // One process for each limit, which reads what to change: starting one each time would cost more than the change.
    this.#shells = limits.map(({ namespace }) =>
      spawn('tc', ['-n', namespace, '-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] }),
    );
    this.#timer = setInterval(() => {
      const megabits = rate.low + this.#random.next() * (rate.high - rate.low);
      for (const [i, limit] of limits.entries())
        this.#shells[i]!.stdin!.write(
          `${limit
            .commands(megabits)
            .map((words) => `${words.join(' ')}\n`)
            .join('')}`,
        );
    }, rate.period);
  }

  /** Stops changing it. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    for (const shell of this.#shells) {
      shell.stdin!.end();
      if (shell.exitCode === null && shell.signalCode === null) await once(shell, 'close');
    }
  }
}
