import { formatNodeId } from '../codec/index.js';
import type { Endpoint } from '../endpoint/index.js';
import { FaultError } from './exit.js';
import { readRules } from './rules-file.js';

/**
 * Resolves with the name of the signal that asks the process to stop: SIGINT, SIGTERM or, unless it means something
 * else, SIGHUP.
 */
export function stopSignal(isHangUpStop = true): Promise<string> {
  const signals = ['SIGINT', 'SIGTERM', ...(isHangUpStop ? ['SIGHUP'] : [])] as const;
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve(signal));
  });
}

/** Says something on standard error while the peer runs. */
export function report(sentence: string): void {
  process.stderr.write(`mpip peer: ${sentence}\n`);
}

/** The file of `--rules`, which is read at the start, on SIGHUP and by the command `reload` of the control socket. */
export class RulesReloader {
  constructor(
    private readonly path: string,
    private readonly endpoint: Endpoint,
  ) {}

  /** Reads the file; a bad one leaves the rules as they are. @returns the number of rules. @throws FaultError */
  reload(): number {
    const rules = readRules(this.path);
    this.endpoint.setRules(rules);
    return rules.length;
  }

  /** Reloads on SIGHUP and says what came of it. */
  onHangUp(): void {
    process.on('SIGHUP', () => {
      try {
        const count = this.reload();
        report(`${count === 1 ? `1 rule of ${this.path} is` : `${count} rules of ${this.path} are`} in force.`);
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        report(`${error.message} The rules stay as they were.`);
      }
    });
  }
}

/** The end of a peer's `ready` line. */
export function nodeIdentity({ settings, composer }: Endpoint): string {
  const { name, layout } = settings.profile;
  return `node-id ${formatNodeId(composer.nodeId(layout), layout === 'full' ? 6 : 2)} profile ${name}`;
}

/** A peer's last words. */
export function sayStopped({ counters }: Endpoint, signal: string): void {
  report(
    `stopped by ${signal} after ${counters.cmReceived} packets with a CM and ${counters.ordinaryReceived} ordinary ones.`,
  );
}
