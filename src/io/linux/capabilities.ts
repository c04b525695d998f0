import { readFileSync } from 'node:fs';
import { HostError } from './libc.js';

/** Numbers of capabilities(7). */
const NEEDED = { CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n } as const;

/** The capabilities that carrying the host's traffic needs and this process lacks. */
export function missingCapabilities(status = readFileSync('/proc/self/status', 'utf8')): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(NEEDED).flatMap(([name, bit]) => (((effective >> bit) & 1n) === 1n ? [] : [name]));
}

/** @throws HostError that names what this process lacks. */
export function needCapabilities(): void {
  const missing = missingCapabilities();
  if (missing.length > 0)
    throw new HostError(
      'EPERM',
      `This process lacks ${missing.join(' and ')}; run it as root or give it what it lacks.`,
    );
}
