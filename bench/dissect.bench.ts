// mpip dissect --summary beside a C program that does the same sums, and beside tshark, on one generated capture.
//   node build/bench/dissect.bench.js [--packets N] [--rounds N] [--no-tshark]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { best, type Run, row, run } from './commands.js';
import { makeCapture } from './make-capture.js';
import { makeSessionsCapture } from './make-sessions-capture.js';

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '5' },
    'no-tshark': { type: 'boolean', default: false },
  },
});
const packets = Number(values.packets);
const rounds = Number(values.rounds);
if (!(Number.isInteger(packets) && packets > 0 && Number.isInteger(rounds) && rounds > 0)) {
  console.error('--packets and --rounds must be whole numbers above 0.');
  process.exit(2);
}

interface Contender {
  readonly name: string;
  readonly command: (file: string) => readonly string[];
  readonly rounds: number;
}

/** The bundle: what users run, and what starts as fast as it does for them. */
const MPIP = fileURLToPath(new URL('../../dist/bin/mpip.js', import.meta.url));
const mpip =
  (...options: string[]) =>
  (file: string): readonly string[] => [process.execPath, MPIP, 'dissect', ...options, file];
const SUMMARY = 'mpip dissect --summary';
const JOBS = 'mpip dissect --summary --jobs 2';
const NDJSON = 'mpip dissect --format ndjson';
const CONVERSATIONS = 'mpip dissect --conversations';
const C_SOURCE = fileURLToPath(new URL('../../bench/c/trailers.c', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'mpip-bench-'));
process.on('SIGINT', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(130);
});
try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const capture = join(folder, 'big.pcap');
  const empty = join(folder, 'empty.pcap');
  const made = makeCapture(capture, packets, 1);
  makeCapture(empty, 0);
  console.log(
    `capture: ${made.packets} UDP packets, ${made.controlMessages} with a CM, ${(made.bytes / 1e6).toFixed(0)} MB`,
  );

  const contenders: Contender[] = [
    { name: SUMMARY, command: mpip('--summary', '--format', 'ndjson'), rounds },
    { name: JOBS, command: mpip('--summary', '--format', 'ndjson', '--jobs', '2'), rounds },
    {
      name: NDJSON,
      command: (file) => ['sh', '-c', 'exec "$@" > /dev/null', 'sh', ...mpip('--format', 'ndjson')(file)],
      rounds,
    },
    { name: CONVERSATIONS, command: mpip('--conversations', '--format', 'ndjson'), rounds },
  ];
  const trailers = join(folder, 'trailers');
  if (spawnSync('gcc', ['-O2', '-o', trailers, C_SOURCE]).status === 0) {
    contenders.push({ name: 'C, mmap', command: (file) => [trailers, file], rounds });
  } else console.log('No ratio to C: gcc is missing or failed (apt-get install gcc).');
  if (values['no-tshark']) console.log('No ratio to tshark: --no-tshark was given.');
  else if (spawnSync('tshark', ['--version']).status === 0) {
    contenders.push({
      name: 'tshark -q -z io,stat,0',
      command: (file) => ['tshark', '-r', file, '-q', '-z', 'io,stat,0'],
      rounds: 1,
    });
  } else console.log('No ratio to tshark: it is not installed (apt-get install tshark).');

  // In turns, so that a noisy moment hits all; the start of each process is measured on the empty capture and subtracted.
  const runs = new Map<string, Run[]>();
  const starts = new Map<string, Run[]>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, command, rounds } of contenders) {
      if (round >= rounds) continue;
      starts.set(name, [...(starts.get(name) ?? []), await run(command(empty))]);
      runs.set(name, [...(runs.get(name) ?? []), await run(command(capture))]);
    }
  }
  const net = (name: string) => best(runs.get(name)!) - best(starts.get(name)!);
  const ours = net(SUMMARY);
  for (const { name } of contenders) {
    const all = runs.get(name)!;
    const start = best(starts.get(name)!);
    const memory = Math.max(...all.map((one) => one.memory)) / 1e6;
    const line = [
      name.padEnd(32),
      `${net(name).toFixed(3)} s`.padStart(10),
      `(start ${start.toFixed(3)} s)`,
      `${(packets / net(name) / 1000).toFixed(0)} k packets/s`.padStart(18),
      `${memory.toFixed(0)} MB`.padStart(9),
      `walls ${all.map((one) => one.seconds.toFixed(2)).join(' ')}`,
    ];
    console.log(line.join('  '));
  }
  const result = JSON.parse(runs.get(SUMMARY)![0]!.output) as { mpip: number };
  if (result.mpip !== made.controlMessages) {
    console.log(
      `mpip counts ${result.mpip} CMs, the generator wrote ${made.controlMessages}: a random tail that fits, or a fault.`,
    );
  }
  const detail = `${packets} packets, ${(made.bytes / 1e6).toFixed(0)} MB, process start subtracted, best of ${rounds} (tshark: of 1)`;
  const rate = (name: string) => packets / net(name) / 1000;
  if (runs.has('C, mmap')) {
    const counted = Number(runs.get('C, mmap')![0]!.output.split(' ')[1]);
    const ratio = ours / net('C, mmap');
    console.log(
      `ratio to C: ${ratio.toFixed(2)} times its time (goal: at most 1.6); it counts ${counted} CMs, mpip ${result.mpip}`,
    );
    row('dissect --summary: time against C with mmap', ratio, 'at most 1.6', detail);
    row('dissect --summary --jobs 2: time against C with mmap', net(JOBS) / net('C, mmap'), 'at most 1.2', detail);
  }
  const tshark = 'tshark -q -z io,stat,0';
  if (runs.has(tshark)) {
    const ratio = net(tshark) / ours;
    console.log(`ratio to tshark: ${ratio.toFixed(0)} times faster (goal: at least 60)`);
    row('dissect --summary: times as fast as tshark -q -z io,stat,0', ratio, 'at least 60', detail);
  }
  row('dissect --format ndjson to /dev/null: thousand packets a second', rate(NDJSON), 'at least 400', detail);
  row('dissect --conversations: thousand packets a second', rate(CONVERSATIONS), 'at least 1000', detail);
  if (runs.has(tshark)) {
    const ratio = net(tshark) / net(CONVERSATIONS);
    row('dissect --conversations: times as fast as tshark -q -z io,stat,0', ratio, 'at least 30', detail);
  }
  const memory = Math.max(...runs.get(SUMMARY)!.map((one) => one.memory)) / 1e6;
  row('dissect --summary: memory in MB', memory, 'below 150', detail);
  await measureSessions();
}

/** Memory of `--conversations` with a hundred thousand sessions, in the formats whose output is written in different ways. */
async function measureSessions(): Promise<void> {
  const capture = join(folder, 'sessions.pcap');
  const sessions = 100_000;
  const made = makeSessionsCapture(capture, sessions, 8);
  for (const format of ['text', 'ndjson']) {
    const command = mpip('--conversations', '--format', format)(capture);
    const { memory } = await run(['sh', '-c', 'exec "$@" > /dev/null', 'sh', ...command]);
    const detail = `${sessions} sessions, ${4 * sessions} paths, each of them fed back, ${made} packets`;
    console.log(`--conversations --format ${format}: ${(memory / 1e6).toFixed(0)} MB (${detail})`);
    row(`dissect --conversations --format ${format}: memory in MB`, memory / 1e6, 'below 200', detail);
  }
}
