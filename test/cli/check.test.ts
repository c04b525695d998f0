import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { CASES, type RunResult } from '../../src/conformance/index.js';

const MPIP = 'build/src/cli/mpip.js';
const folder = mkdtempSync(join(tmpdir(), 'mpip-check-'));
after(() => rmSync(folder, { recursive: true }));

interface Outcome {
  code: number | null;
  out: string;
  error: string;
}

/** Runs `mpip check` as a person does. */
function check(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MPIP, 'check', ...args], { encoding: 'utf8' });
  return { code: status, out: stdout, error: stderr };
}

/** As `check`, for a peer that this process plays. */
async function checkBeside(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [MPIP, 'check', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  return await outcomeOf(child);
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let out = '';
  let error = '';
  child.stdout!.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    error += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: code as number | null, out, error };
}

/** A UDP socket on loopback that does `answer` with each datagram. */
async function udpHost(answer: (data: Buffer, reply: (data: Uint8Array) => void) => void) {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let isOpen = true;
  socket.on('message', (data, from) =>
    answer(data, (reply) => {
      if (isOpen) socket.send(reply, from.port, from.address, () => {});
    }),
  );
  return {
    port: socket.address().port,
    close: () => {
      isOpen = false;
      socket.close();
    },
  };
}

test('wrong command lines: one sentence, exit code 2, nothing on standard output', async () => {
  const anId = CASES[0]!.id;
  const rows: [string[], RegExp][] = [
    [[], /Give the peer's IPv4 address/],
    [['--self', '127.0.0.2'], /Give either a PEER/],
    [['::1'], /looks like IPv6/],
    [['fe80::1%eth0'], /looks like IPv6/],
    [['peer.example'], /no IPv4 address/],
    [['127.0.0.256'], /no IPv4 address/],
    [['224.0.0.1'], /no address of one host/],
    [['255.255.255.255'], /no address of one host/],
    [['127.0.0.2', '127.0.0.3'], /127\.0\.0\.3/],
    [['--self', '--case', `${anId}x`], new RegExp(`did you mean '${anId}'`)],
    [['--self', '--skip', 'nothing-*'], /No case matches --skip 'nothing-\*'/],
    [['--self', '--area', 'ZZ'], /There is no area 'ZZ'; known are GEN,[^?]*$/],
    [['--self', '--area', 'AW'], /There is no area 'AW'.*did you mean 'AV'\?/],
    [['--self', '--requirement', 'MPIP-AV-99'], /There is no requirement 'MPIP-AV-99'; did you mean/],
    [['--self', '--requirement', 'MPIP-PA-07'], /No case covers the requirement/],
    [['--self', '--profile', 'papper'], /did you mean paper\?/],
    [['--self', '--pixit', 'session-expiri=3s'], /There is no constant/],
    [['--self', '--pixit', 'session-expiry'], /not NAME=VALUE/],
    [['--self', '--report', 'jsn=x'], /did you mean json\?/],
    [['--self', '--report', 'json'], /not KIND=PATH/],
    [['--self', '--report', 'json=-', '--report', 'junit=-'], /Two reports/],
    [['--self', '--service', 'ekho'], /did you mean echo\?/],
    [['--self', '--service', 'echo:70000'], /from 1 to 65535/],
    [['--self', '--service', 'echo:1', '--service', 'echo:2'], /given twice/],
    [['--self', '--source', '198.51.100.7', '--source', '198.51.100.7'], /given twice/],
    [['127.0.0.1', '--source', '192.0.2.77'], /192\.0\.2\.77 cannot be used/],
    [['--self', '--udp-port', '0'], /from 1 to 65535/],
    [['--self', '--seed', '-1'], /--seed/],
    [['--self', '--seed', '1', '--seed', '2'], /given 2 times/],
    [['--self', '--jobs', 'many'], /--jobs/],
    [['--self', '--timeout', '0'], /--timeout/],
    [['--self', '--format', 'json'], /belongs to --list/],
    [['--list', '--format', 'xml'], /choose text, json/],
    [['--list', '--area', 'AW'], /There is no area/],
    // Of the contract, but not built yet: never silently accepted.
    [['--capture', 'x', '--slow'], /--slow is for a peer/],
    [['--self', '--upper-tester', 'x'], /--upper-tester is for a live peer/],
    [['127.0.0.2', '--shell'], /--shell belongs to --upper-tester/],
    [['127.0.0.2', '--control', 'x', '--upper-tester', 'y'], /either --upper-tester or --control/],
    [['127.0.0.2', '--rate', '0'], /--rate/],
    [['127.0.0.2', '--allow-target', 'x'], /--allow-target/],
    [['--self', '--profile', 'auto'], /--self is set to the profile/],
    [['--self', '--tcp-port', '1'], /tcp-port/],
    [['--self', '--allow-target', '10.0.0.0/8'], /allow-target/],
    [['--self', '--rate', '1'], /rate/],
  ];
  const judge = async ([args, sentence]: [string[], RegExp]) => {
    const { code, out, error } = await checkBeside(...args);
    const words = args.join(' ');
    assert.equal(code, 2, `${words}: ${error}`);
    assert.match(error, sentence, words);
    assert.equal(out, '', words);
    assert.equal(error.trim().split('\n').length, 1, `one sentence: ${error}`);
  };
  // Some at a time: each is a process.
  while (rows.length > 0) await Promise.all(rows.splice(0, 4).map(judge));
});

test('--list needs no peer, shows every case with its requirements, and obeys the filters', () => {
  const all = check('--list');
  assert.equal(all.code, 0);
  assert.equal(all.out.trim().split('\n').length, CASES.length);
  const json = check('--list', '--format', 'json', '--area', 'av');
  const rows = JSON.parse(json.out) as { id: string; area: string; requirements: string[] }[];
  assert.ok(rows.length > 0 && rows.every((row) => row.area === 'AV' && row.requirements.length > 0));
});

/** A case about a setting that excludes the one that is declared. */
function isOfAnotherSetting({ id, verdict, cause }: RunResult['cases'][number]): boolean {
  const isOther = cause.text.includes('udp-wrapper') || id === 'OO-switched-off';
  return verdict === 'not-applicable' && cause.code === 'pics' && isOther;
}

test('--self passes every case in virtual time with the real constants, the same with the same seed', () => {
  const [first, second] = [0, 1].map(() => check('--self', '--seed', '7', '--report', 'json=-'));
  const run = JSON.parse(first!.out) as RunResult;
  assert.deepEqual(
    run.cases
      .filter((one) => one.verdict !== 'pass' && !isOfAnotherSetting(one))
      .map(({ id, cause }) => `${id}: ${cause.text}`),
    [],
  );
  assert.equal(first!.code, 0);
  // A node is set to fake TCP or to the wrapper, to put segments in order or not.
  assert.equal(run.counts.pass, run.cases.filter((one) => !isOfAnotherSetting(one)).length);
  assert.ok(run.counts.pass > 0.9 * CASES.length);
  assert.equal(run.link, 'virtual');
  assert.equal(second!.out, first!.out);
  assert.match(first!.error, /Verdict: pass/, 'with a report on standard output the text goes to standard error');
});

test('filters that leave nothing together execute nothing: exit code 4, and the report is written', () => {
  const id = CASES[0]!.id;
  const path = join(folder, 'nothing.json');
  const { code, error } = check('--self', '--case', id, '--skip', id, '--report', `json=${path}`);
  assert.equal(code, 4);
  assert.match(error, /no case was executed/);
  assert.deepEqual((JSON.parse(readFileSync(path, 'utf8')) as RunResult).cases, []);
});

test('a report or evidence that cannot be written is a fault of this side: exit code 4', () => {
  for (const args of [
    ['--report', `json=${join(folder, 'no-such-folder', 'x.json')}`],
    ['--report', `json=${folder}`],
    ['--evidence', '/dev/null/x'],
  ]) {
    const { code, error } = check('--self', '--area', 'CK', ...args);
    assert.equal(code, 4, error);
    assert.match(error, /cannot be written/);
  }
});

test('every kind of report, and evidence, from one run', () => {
  const paths = ['text', 'json', 'ndjson', 'junit'].map((kind) => join(folder, `r.${kind}`));
  const kinds = ['text', 'json', 'ndjson', 'junit'].map((kind, i) => ['--report', `${kind}=${paths[i]}`]);
  const evidence = join(folder, 'made', 'evidence');
  const { code, out } = check('--self', '--area', 'CK', ...kinds.flat(), '--evidence', evidence);
  assert.equal(code, 0);
  assert.ok(out.includes(`Evidence: ${evidence}`));
  for (const path of paths) {
    assert.ok(out.includes(`Report:   ${path}`));
    assert.ok(readFileSync(path).length > 100);
  }
  const run = JSON.parse(readFileSync(paths[1]!, 'utf8')) as RunResult;
  for (const result of run.cases) assert.ok(existsSync(result.evidence.file!), result.id);
});

test('a plain UDP echo server: exit code 1 with an explanation', async () => {
  const echo = await udpHost((data, reply) => reply(data));
  const { code, out } = await checkBeside('127.0.0.1', '--unprivileged', '--udp-port', String(echo.port));
  echo.close();
  assert.equal(code, 1);
  assert.match(out, /does not speak MPIP/);
  assert.ok(!/^pass/m.test(out), out);
});

test('a closed port: exit code 3 and one explanation', async () => {
  const closed = await udpHost(() => {});
  closed.close();
  const { code, out } = await checkBeside('127.0.0.1', '--unprivileged', '--udp-port', String(closed.port));
  assert.equal(code, 3);
  assert.equal(out.split('Nothing listens on UDP port').length, 2);
});

test('silence: exit code 3; the report is written', async () => {
  const silent = await udpHost(() => {});
  const path = join(folder, 'silent.json');
  const { code } = await checkBeside('127.0.0.1', '--udp-port', String(silent.port), '--report', `json=${path}`);
  silent.close();
  assert.equal(code, 3);
  assert.equal((JSON.parse(readFileSync(path, 'utf8')) as RunResult).preliminary!.code, 'no-answer');
});

test('the first SIGINT ends a live run with verdicts, reports and evidence', async () => {
  // A peer that says nothing about MPIP: the cases wait for it.
  const host = await udpHost((data, reply) => {
    if (data.length < 26 || data[data.length - 25] !== 25) reply(data);
  });
  const path = join(folder, 'interrupted.json');
  const evidence = join(folder, 'interrupted');
  const args = ['127.0.0.1', '--unprivileged', '--udp-port', String(host.port), '--jobs', '2'];
  const child = spawn(process.execPath, [MPIP, 'check', ...args, '--report', `json=${path}`, '--evidence', evidence], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = outcomeOf(child);
  // Progress tells that cases are being played.
  for await (const line of createInterface({ input: child.stderr! })) if (line.includes('playing')) break;
  child.kill('SIGINT');
  const { code } = await ended;
  host.close();
  assert.equal(code, 4);
  const run = JSON.parse(readFileSync(path, 'utf8')) as RunResult;
  assert.ok(run.isInterrupted);
  assert.ok(run.counts['not-run'] > 0, 'cases that had not begun');
  assert.ok(run.cases.some(({ cause }) => cause.code === 'interrupted'));
  const played = run.cases.filter(({ evidence: { file } }) => file !== null);
  assert.ok(played.length > 0 && played.every(({ evidence: { file } }) => existsSync(file!)));
});
