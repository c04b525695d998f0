import { formatNodeId } from '../codec/index.js';
import type { Endpoint } from '../endpoint/index.js';

/** Resolves with the name of the signal that asks the process to stop: SIGINT, SIGTERM or SIGHUP. */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(signal));
  });
}

/** The end of a peer's `ready` line. */
export function nodeIdentity({ settings, composer }: Endpoint): string {
  const { name, layout } = settings.profile;
  return `node-id ${formatNodeId(composer.nodeId(layout), layout === 'full' ? 6 : 2)} profile ${name}`;
}

/** A peer's last words. */
export function sayStopped({ counters }: Endpoint, signal: string): void {
  process.stderr.write(
    `mpip peer: stopped by ${signal} after ${counters.cmReceived} packets with a CM and ${counters.ordinaryReceived} ordinary ones.\n`,
  );
}
