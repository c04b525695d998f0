import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import type { CaseResult } from '../../src/conformance/index.js';

export const MPIP = 'build/src/cli/mpip.js';

/** UDP ports of an address that were free a moment ago. */
export async function freePorts(count: number, address = '127.0.0.1'): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, address));
  await Promise.all(sockets.map((socket) => once(socket, 'listening')));
  const ports = sockets.map((socket) => socket.address().port);
  for (const socket of sockets) socket.close();
  return ports;
}

/** Starts a peer and waits until it is ready. */
export async function startPeer(
  args: readonly string[],
  program: readonly string[] = [MPIP, 'peer'],
): Promise<ChildProcess> {
  const peer = spawn(process.execPath, [...program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: peer.stdout! });
  const [line] = (await Promise.race([once(lines, 'line'), once(peer, 'close')])) as [unknown];
  if (typeof line !== 'string' || !line.startsWith('ready')) throw new Error(`The peer did not start: ${String(line)}`);
  return peer;
}

/** Ends a process and waits until it is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'close');
}

/** Processes that a process of Linux has started; none when it has ended. */
export function childrenOf(pid: number): number[] {
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch {
    // It has ended.
  }
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** A run of `mpip check` that has ended. */
export interface EndedCheck {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `mpip check` while the caller's process goes on; `onStart` gets the process. */
export async function runCheck(args: readonly string[], onStart?: (child: ChildProcess) => void): Promise<EndedCheck> {
  const child = spawn(process.execPath, [MPIP, 'check', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  onStart?.(child);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/**
 * A sound peer passes, or nothing can be said because a busy machine is late, and for no other reason. Cases that this peer
 * or this run has no room for are left out, and none of them by an accident. See `isMostlyTold`.
 */
export function isInOrder({ verdict, cause }: CaseResult): boolean {
  if (verdict === 'pass' || verdict === 'not-applicable') return true;
  if (verdict === 'inconc') return LATE.has(cause.code);
  return verdict === 'not-run' && LEFT_OUT.has(cause.code);
}

/** True when of nine cases in ten that were played something can be said. */
export function isMostlyTold(cases: readonly CaseResult[]): boolean {
  const count = (verdict: string) => cases.filter((one) => one.verdict === verdict).length;
  return count('inconc') <= 0.1 * (count('pass') + count('inconc'));
}

const LEFT_OUT = new Set(['slow', 'privilege']);
const LATE = new Set(['slow-network', 'not-repeated', 'timeout']);
