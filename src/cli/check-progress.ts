import type { Progress } from '../conformance/index.js';

/** Says on standard error how far a run is, once it takes more than a second. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #began = performance.now();
  #last: Progress | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isShown = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    // On a terminal one line that changes; elsewhere a line now and then.
    this.#timer = setInterval(() => this.#show(), stream.isTTY ? 500 : 2000);
    this.#timer.unref();
  }

  /** Notes how far the run is. */
  update(progress: Progress): void {
    this.#last = progress;
  }

  /** Ends it and clears the line. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#isShown && this.#stream.isTTY) this.#stream.write('\r\u001b[K');
  }

  #show(): void {
    if (performance.now() - this.#began < 1000) return;
    const { done, total, playing } = this.#last ?? { done: 0, total: 0, playing: [] };
    const names = playing.slice(0, 3).join(', ');
    const more = playing.length > 3 ? ` and ${playing.length - 3} more` : '';
    const text =
      total === 0
        ? 'mpip check: looking for the peer'
        : `mpip check: ${done} of ${total} cases done; playing ${names}${more}`;
    this.#isShown = true;
    this.#stream.write(
      this.#stream.isTTY ? `\r\u001b[K${text.slice(0, (this.#stream.columns ?? 100) - 1)}` : `${text}\n`,
    );
  }
}
