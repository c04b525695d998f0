import { performance } from 'node:perf_hooks';

/** Milliseconds between two looks: on a terminal one line that changes, elsewhere a line now and then. */
const EVERY_TERMINAL = 500;
const EVERY_LINE = 10_000;

/** Says on standard error how far a command is, once it takes more than a second; driven by the command's own calls. */
export class StatusLine {
  readonly #began = performance.now();
  #shown = 0;
  #isShown = false;

  constructor(
    private readonly name = 'mpip fuzz',
    private readonly stream: NodeJS.WriteStream = process.stderr,
  ) {}

  /** Shows `text()`, unless it is too early for that. */
  show(text: () => string): void {
    const now = performance.now();
    const isTerminal = this.stream.isTTY === true;
    if (now - this.#began < 1000 || now - this.#shown < (isTerminal ? EVERY_TERMINAL : EVERY_LINE)) return;
    this.#shown = now;
    const line = `${this.name}: ${text()}`;
    this.stream.write(isTerminal ? `\r\u001b[K${line.slice(0, (this.stream.columns ?? 100) - 1)}` : `${line}\n`);
    this.#isShown = isTerminal;
  }

  /** Clears the line of a terminal. */
  clear(): void {
    if (this.#isShown) this.stream.write('\r\u001b[K');
    this.#isShown = false;
  }
}
