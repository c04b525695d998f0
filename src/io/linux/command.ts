import { spawnSync } from 'node:child_process';
import { HostError } from './libc.js';

/** Longer than any of them takes, on a busy machine too. */
const LONGEST_MS = 30_000;

/** What a command of the system said. */
export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs one of the commands of iproute2 to its end.
 * @throws HostError when the command does not exist or does not come to its end.
 */
export function tryCommand(name: 'ip' | 'tc', args: readonly string[]): CommandResult {
  const { status, stdout, stderr, error } = spawnSync(name, args, { encoding: 'utf8', timeout: LONGEST_MS });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT')
    throw new HostError(
      'ETIMEDOUT',
      `The command '${name} ${args.join(' ')}' did not end within ${LONGEST_MS / 1000} s; try it by hand.`,
    );
  if (error !== undefined)
    throw new HostError(
      (error as NodeJS.ErrnoException).code ?? 'UNKNOWN',
      `The command ${name} cannot be run (${error.message}); install the package iproute2.`,
    );
  return { ok: status === 0, stdout, stderr: stderr.trim() };
}

/**
 * Runs a command that has to succeed.
 * @returns its standard output.
 * @throws HostError with what the command said.
 */
export function runCommand(name: 'ip' | 'tc', args: readonly string[]): string {
  const { ok, stdout, stderr } = tryCommand(name, args);
  if (ok) return stdout;
  const said = stderr.split('\n')[0] || 'it said nothing';
  const advice = /not permitted|Permission/.test(said) ? ': run it as root or with CAP_NET_ADMIN' : '';
  throw new HostError('COMMAND', `The command '${name} ${args.join(' ')}' failed (${said})${advice}.`);
}
