import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MPIP } from './check-process.js';

/**
 * Runs `mpip dissect ARGS -`, gives it half of a capture as soon as `begun` exists, and interrupts it there; the exit code has to be 4.
 * @returns what it printed to standard error.
 */
export async function interruptDissect(args: readonly string[], capture: Uint8Array, begun: string): Promise<string> {
  const child = spawn(process.execPath, [MPIP, 'dissect', ...args, '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let error = '';
  child.stderr.on('data', (text: Buffer) => {
    error += text.toString();
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  while (isRunning() && !existsSync(begun)) await sleep(10);
  const half = capture.length >> 1;
  child.stdin.on('error', () => {});
  child.stdin.write(capture.subarray(0, half));
  child.kill('SIGINT');
  while (isRunning() && !error.includes('interrupted')) await sleep(10);
  // What comes now ends the reading; nothing of it is waited for.
  child.stdin.write(capture.subarray(half, half + 1));
  const [code, signal] = (await ended) as [number | null, string | null];
  assert.deepEqual([code, signal], [4, null], error);
  return error;
}
