import type { Output } from './output.js';

/** SIGINT and SIGTERM end the reading of files; what was read is still worked on. A second one ends the process. */
export class Interrupt {
  isAsked = false;
  /** As the output given, but no longer open once a signal has come: what ends the reading. */
  readonly output: Output;
  readonly #onSignal: () => void;

  /** @param message what becomes of what was read, for standard error */
  constructor(output: Output, message: string) {
    const isOpen = () => output.isOpen && !this.isAsked;
    this.output = Object.create(output, { isOpen: { get: isOpen } }) as Output;
    this.#onSignal = () => {
      if (this.isAsked) process.exit(130);
      output.error(`${message} Once more ends at once.\n`);
      this.isAsked = true;
    };
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
  }

  /** Signals end the process again, as they do without this. */
  end(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }
}
