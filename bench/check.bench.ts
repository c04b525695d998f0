// The whole suite: on the virtual clock (--self) and against a live peer on loopback, process start subtracted.
//   node build/bench/check.bench.js [--rounds N] [--no-live]
// Start is measured with `mpip check --list`. Each figure is the median of its rounds. With MPIP_BENCH_JSON results are
// printed as JSON too.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, 'no-live': { type: 'boolean' } } });
const MPIP = 'build/src/cli/mpip.js';
const SERVICES = ['--service', 'echo', '--service', 'discard:7911', '--service', 'chargen:7912'];

/** Seconds that a run of the command takes; it must end with exit code 0. */
function seconds(args: readonly string[]): number {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, [MPIP, 'check', ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mpip check ${args.join(' ')} ended with ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1]!;
}

function report(name: string, ratio: number, goal: string, detail: string): void {
  console.log(`${name}: ${ratio.toFixed(2)} (goal ${goal}); ${detail}`);
  if (process.env.MPIP_BENCH_JSON) console.log(JSON.stringify({ name, ratio, goal, detail }));
}

async function startPeer(): Promise<ChildProcess> {
  const args = [MPIP, 'peer', '--address', '127.0.0.9', '--port', '7910', ...SERVICES, '--set', 'session-expiry=3s'];
  const peer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = createInterface({ input: peer.stdout! });
  const [line] = (await Promise.race([once(lines, 'line'), once(peer, 'close')])) as [unknown];
  if (typeof line !== 'string' || !line.startsWith('ready')) throw new Error('The peer did not start.');
  return peer;
}

seconds(['--list']);
const starts: number[] = [];
const selves: number[] = [];
for (let i = 0; i < Number(values.rounds); i++) {
  starts.push(seconds(['--list']));
  selves.push(seconds(['--self', '--seed', String(i + 1)]));
}
const start = median(starts);
const self = median(selves) - start;
const count = JSON.parse(
  spawnSync(process.execPath, [MPIP, 'check', '--self', '--report', 'json=-'], { encoding: 'utf8' }).stdout,
).cases.length as number;
report(
  'suite on the virtual clock, seconds',
  self,
  'below 1',
  `${count} cases, ${Math.round(count / self)} a second; start-up ${start.toFixed(2)} s, subtracted`,
);
if (!values['no-live']) {
  const peer = await startPeer();
  try {
    const target = ['127.0.0.9', '--unprivileged', '--udp-port', '7910', ...SERVICES, '--pixit', 'session-expiry=3s'];
    const live = median([seconds(target), seconds(target), seconds(target)]);
    report(
      'suite against a live peer, seconds',
      live - start,
      'below 15',
      `${count} cases, session expiry 3 s on both sides`,
    );
  } finally {
    peer.kill();
  }
}
