// The tester's speed: the whole suite on the virtual clock, start-up next to bare Node, and the whole suite against a live peer on
// loopback, once with short timers on both sides and once with the paper's.
//   node build/bench/check.bench.js [--suites N] [--no-live] [--no-slow]
// On the virtual clock CPU time counts, of every thread, after one warm-up. Live runs are over packet sockets as root, else over
// ordinary ones. With MPIP_BENCH_JSON results are printed as JSON too.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { RunResult } from '../src/conformance/index.js';
import { play } from '../test/conformance/reference-peer.js';
import { endProcess, freePorts, isInOrder, runCheck, startPeer } from '../test/support/check-process.js';

const { values } = parseArgs({
  options: {
    suites: { type: 'string', default: '20' },
    'no-live': { type: 'boolean' },
    'no-slow': { type: 'boolean' },
  },
});
/** What users start. */
const MPIP = 'dist/bin/mpip.js';
const STARTS = 15;
const ADDRESSES = ['127.0.0.9', '127.0.0.10'];

function report(name: string, ratio: number, goal: string, detail: string): void {
  console.log(`${name}: ${ratio.toFixed(2)} (goal ${goal}); ${detail}`);
  if (process.env.MPIP_BENCH_JSON) console.log(JSON.stringify({ name, ratio, goal, detail }));
}

/** Milliseconds that a process takes; it must end with exit code 0. */
function milliseconds(...args: readonly string[]): number {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1]!;
}

async function virtual(): Promise<void> {
  await play({ seed: 0 });
  const before = process.cpuUsage();
  let count = 0;
  for (let seed = 1; seed <= Number(values.suites); seed++) count += (await play({ seed })).cases.length;
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  const detail = `${values.suites} suites, ${count} cases in ${seconds.toFixed(2)} s of CPU, without evidence`;
  report('cases a second on the virtual clock', count / seconds, 'at least 1000', detail);
}

function startUp(): void {
  const list: number[] = [];
  const bare: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    bare.push(milliseconds('-e', '0'));
    list.push(milliseconds(MPIP, 'check', '--list'));
  }
  const [ours, node] = [median(list), median(bare)];
  const detail = `${ours.toFixed(0)} ms to ${node.toFixed(0)} ms`;
  report('start: mpip check --list to node -e 0', ours / node, 'at most 2.2', detail);
}

/** Seconds of a whole run against `mpip peer --tcp`; what cannot be judged is told, a failure is an error. */
async function live(name: string, goal: string, peerOptions: readonly string[], options: readonly string[]) {
  const [echo, discard, chargen] = await freePorts(3, ADDRESSES[0]);
  const services = [`echo:${echo}`, `discard:${discard}`, `chargen:${chargen}`].flatMap((text) => ['--service', text]);
  const folder = mkdtempSync(join(tmpdir(), 'mpip-bench-'));
  const control = join(folder, 'peer.sock');
  const addresses = ADDRESSES.flatMap((address) => ['--address', address]);
  const peer = await startPeer([...addresses, ...services, '--tcp', '--control', control, ...peerOptions]);
  try {
    const path = join(folder, 'report.json');
    const args = [ADDRESSES[0]!, ...services, '--tcp-port', String(echo), '--control', control, ...options];
    const { code, stderr } = await runCheck([...args, '--report', `json=${path}`]);
    const run = JSON.parse(readFileSync(path, 'utf8')) as RunResult;
    const other = run.cases.find((one) => !isInOrder(one));
    if (other !== undefined)
      throw new Error(`${other.id}: ${other.verdict}, ${other.cause.text} (exit ${code}) ${stderr}`);
    const { pass, inconc } = run.counts;
    report(name, run.durationMs / 1000, goal, `${pass + inconc} cases by link ${run.link}, ${inconc} inconclusive`);
  } finally {
    await endProcess(peer);
    rmSync(folder, { recursive: true });
  }
}

await virtual();
startUp();
if (!values['no-live']) {
  const expiry = 'session-expiry=3s';
  await live('live suite, session expiry 3 s, seconds', 'below 60', ['--set', expiry], ['--pixit', expiry]);
  if (!values['no-slow']) await live("live suite, the paper's timers, seconds", 'below 150', [], ['--slow']);
}
