import { statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Output } from './output.js';

/** Nothing is shown of what takes less, in milliseconds. */
const PATIENCE = 1000;
const INTERVAL = 200;
const WIDTH = 24;

/** How far the reading of files has come: a line on a terminal's standard error, with rate and time left. */
export class ReadingProgress {
  readonly #output: Output;
  /** Octets of all files; undefined when one has no size, such as standard input. */
  readonly #total: number | undefined;
  readonly #start = performance.now();
  #done = 0;
  #shownAt = 0;

  constructor(files: readonly string[], output: Output) {
    this.#output = output;
    this.#total = output.progress === true ? totalSize(files) : undefined;
  }

  /** Notes octets read. */
  add(bytes: number): void {
    this.#done += bytes;
  }

  /** Shows the line when it is time to. */
  show(): void {
    if (this.#output.progress !== true) return;
    const now = performance.now();
    if (now - this.#start < PATIENCE || now - this.#shownAt < INTERVAL) return;
    this.#shownAt = now;
    this.#output.error(`\r${progressLine(this.#done, this.#total, (now - this.#start) / 1000)}\u001b[K`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shownAt > 0) this.#output.error('\r\u001b[K');
    this.#shownAt = 0;
  }
}

/** The line: how much of what, at which rate, how long still. @param seconds since the start, above 0 */
export function progressLine(done: number, total: number | undefined, seconds: number): string {
  const rate = done / seconds;
  const speed = `${megabytes(rate)} MB/s`;
  if (total === undefined || total < done) return `${megabytes(done)} MB read, ${speed}`;
  const share = total === 0 ? 1 : done / total;
  const filled = Math.round(share * WIDTH);
  const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`;
  const left = rate === 0 ? '' : `, ${duration((total - done) / rate)} left`;
  return `[${bar}] ${Math.floor(100 * share)} % of ${megabytes(total)} MB, ${speed}${left}`;
}

function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function totalSize(files: readonly string[]): number | undefined {
  let total = 0;
  for (const file of files) {
    const found = file === '-' ? undefined : statSync(file, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile()) return undefined;
    total += found.size;
  }
  return total;
}
