// The fuzzer: steps of exchanges in virtual time next to fast-check alone, which makes the same steps and plays none; messages to
// a live peer next to a flood of plain datagrams to an echo server; how long a finding of fifty packets takes to be made small.
//   node build/bench/fuzz.bench.js [--seconds N]
// A step is one of a fuzzed exchange (src/fuzz/step.ts): a packet composed, mutated and sent, a pause, what the network does to the next
// packets, with the work of the peer, its answers taken apart and every oracle. The bystander's handshakes and the questions of the
// control oracle after each exchange are played too and not counted. With MPIP_BENCH_JSON results are printed as JSON too.

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { FuzzPeer } from '../src/cli/fuzz-options.js';
import { openTarget } from '../src/cli/fuzz-targets.js';
import { parseIpv4 } from '../src/codec/index.js';
import { Campaign } from '../src/fuzz/campaign.js';
import { Generator, mixSeed } from '../src/fuzz/generator.js';
import { mutatorNames } from '../src/fuzz/mutators.js';
import type { Target } from '../src/fuzz/target.js';
import { defectiveTarget, loadDefect } from '../test/fuzz/defect.js';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' }, echo: { type: 'boolean' } } });
const SECONDS = Number(values.seconds);
const ROUNDS = 3;
const PORT = 7996;
const PEER = '127.0.0.95';
const ECHO = '127.0.0.96';
/** Datagrams of the flood that may be under way, as many as the fuzzer sends before it waits for an answer. */
const WINDOW = 16;
const LONGEST_PAUSE = 121_000_000;

function campaign(target: Target, seed: number, seconds: number, longestPause: number): Campaign {
  return new Campaign({
    target,
    seed,
    runs: Number.MAX_SAFE_INTEGER,
    time: seconds * 1000,
    // No exchange of 500 is a soak, which plays one again and again.
    shard: { index: 1, of: 500 },
    corpus: [],
    regressions: [],
    folder: undefined,
    longestPause,
  });
}

/** Seconds of processor time that something takes, all threads together. */
async function cpuSeconds(action: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Steps a second that are played, and that are only made. */
async function virtualSteps(round: number): Promise<{ played: number; made: number }> {
  const target = await openTarget({ kind: 'self', isWrapper: false, echoPort: 7000 }, 1);
  let steps = 0;
  const seconds = await cpuSeconds(async () => {
    const { coverage, findings } = await campaign(target, round, SECONDS, LONGEST_PAUSE).run();
    if (findings.length > 0) throw new Error(`The reference did not withstand: ${findings[0]!.title}`);
    steps = Object.entries(coverage.steps).reduce((sum, [name, n]) => (name.startsWith('session') ? sum : sum + n), 0);
  });
  const settings = { mutators: mutatorNames('virtual'), sendsTcp: true, corpusSize: 0, mayImpersonate: true };
  const generator = new Generator({ ...settings, longestPause: LONGEST_PAUSE });
  let made = 0;
  const making = await cpuSeconds(() => {
    for (let run = 0; made < steps; run++) made += generator.exchange(mixSeed(round, run)).length;
  });
  return { played: steps / seconds, made: made / making };
}

async function started(child: ChildProcess): Promise<ChildProcess> {
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'close')])) as [unknown];
  if (typeof line !== 'string' || !line.startsWith('ready')) throw new Error('A peer did not start.');
  return child;
}

/** Messages a second to a live peer, and how many there are for each time that the control oracle asks. */
async function liveMessages(): Promise<{ rate: number; perControl: number }> {
  const peer = await started(
    spawn(process.execPath, ['build/src/cli/mpip.js', 'peer', '--address', PEER, '--port', `${PORT}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );
  try {
    const live: FuzzPeer = {
      kind: 'live',
      address: parseIpv4(PEER),
      echoPort: PORT,
      discardPort: undefined,
      sources: [],
      isRaw: false,
      tcpPort: undefined,
      pid: undefined,
      exec: undefined,
      restart: undefined,
      rate: 0,
    };
    const target = await openTarget(live, 1);
    // The second time everything is compiled.
    for (const seconds of [2, 2 * SECONDS]) {
      const summary = await campaign(target, seconds, seconds, 2000).run();
      if (summary.findings.length > 0) throw new Error(`The peer did not withstand: ${summary.findings[0]!.title}`);
      if (seconds > 2) {
        await target.close();
        return { rate: summary.messages / summary.seconds, perControl: summary.messages / summary.runs };
      }
    }
    throw new Error('Nothing was played.');
  } finally {
    peer.kill();
  }
}

/** The echo server of the flood. */
function serveEcho(): void {
  const socket = createSocket('udp4');
  socket.on('message', (data, from) => socket.send(data, from.port, from.address));
  socket.bind(PORT, ECHO, () => console.log('ready'));
}

/** Plain datagrams a second to an echo server, `WINDOW` of them under way. */
async function floodMessages(): Promise<number> {
  const server = await started(
    spawn(process.execPath, [fileURLToPath(import.meta.url), '--echo'], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const socket = createSocket('udp4');
  const data = Buffer.alloc(64);
  let back = 0;
  const send = () => socket.send(data, PORT, ECHO);
  socket.on('message', () => {
    back++;
    send();
  });
  const start = performance.now();
  for (let i = 0; i < WINDOW; i++) send();
  await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS));
  const rate = back / ((performance.now() - start) / 1000);
  socket.close();
  server.kill();
  return rate;
}

/** Defects whose findings are of many kinds. */
const DEFECTS = [
  'crash-on-equal-octet-node-id',
  'cuts-long-data',
  'feedback-of-all-nodes-shares-rows',
  'hang-in-poll-after-handshake',
  'sequence-numbers-never-wrap',
  'session-255-poisons-new-ids',
];
/** Packets of a finding as it was found. */
const LEAST_PACKETS = 50;

/** Seconds that minimisation and confirmation take for findings of 50 steps and more; the steps before and after. */
async function minimisations(): Promise<{ seconds: number; from: number; to: number; name: string }[]> {
  const found = [];
  for (const name of DEFECTS) {
    for (let seed = 1; ; seed++) {
      let begun = 0;
      const { findings, ...rest } = await oneFinding(name, seed, () => {
        begun ||= performance.now();
      });
      if (findings.length === 0) throw new Error(`${name}: nothing found in ${rest.seconds} s.`);
      const { minimised } = findings[0]!;
      if (minimised.from < LEAST_PACKETS) continue;
      found.push({ seconds: (performance.now() - begun) / 1000, from: minimised.from, to: minimised.steps, name });
      break;
    }
  }
  return found;
}

async function oneFinding(name: string, seed: number, onMinimising: () => void) {
  const run = new Campaign({
    target: defectiveTarget(await loadDefect(name)),
    seed,
    runs: Number.MAX_SAFE_INTEGER,
    time: 30_000,
    shard: { index: 1, of: 1 },
    corpus: [],
    regressions: [],
    folder: undefined,
    longestPause: LONGEST_PAUSE,
    mostFindings: 1,
    onProgress: ({ doing }) => doing !== 'fuzzing' && onMinimising(),
  });
  const { seconds } = await run.run();
  return { findings: [...run.findings.values()].map(({ finding }) => finding), seconds };
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1]!;
}

const whole = (number: number) => Math.round(number).toLocaleString('en');

function report(name: string, ratio: number, goal: string, detail: string): void {
  console.log(`${name}: ${ratio.toFixed(3)} (goal ${goal}); ${detail}`);
  if (process.env.MPIP_BENCH_JSON) console.log(JSON.stringify({ name, ratio, goal, detail }));
}

async function measure(): Promise<void> {
  // The first round is not counted: it is compiled while it runs.
  const rounds = [];
  for (let round = 0; round <= ROUNDS; round++) rounds.push(await virtualSteps(round));
  const played = median(rounds.slice(1).map((each) => each.played));
  const made = median(rounds.slice(1).map((each) => each.made));
  report(
    'exchange steps in virtual time to fast-check alone',
    played / made,
    'at least 50,000 steps a second',
    `${whole(played)} steps a second played and judged, ${whole(made)} made by fast-check alone; processor time of all threads`,
  );
  const { rate, perControl } = await liveMessages();
  const flood = await floodMessages();
  report(
    'messages to a live peer on loopback to a flood of plain datagrams',
    rate / flood,
    'at least 5,000 messages a second',
    `${whole(rate)} a second, the control oracle every ${whole(perControl)}; ${whole(flood)} plain datagrams a second to an echo server`,
  );
  const small = await minimisations();
  const longest = small.reduce((most, each) => (each.seconds > most.seconds ? each : most));
  report(
    'a finding of 50 packets or more made small, seconds',
    longest.seconds,
    'below 10',
    `the slowest of ${small.length} defects, ${longest.name}: ${longest.from} to ${longest.to} steps; median ${median(small.map(({ seconds }) => seconds)).toFixed(2)} s`,
  );
}

if (values.echo) serveEcho();
else await measure();
