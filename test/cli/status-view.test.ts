import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import fc from 'fast-check';
import { statusText } from '../../src/cli/commands/status.js';
import type { HostStatus } from '../../src/cli/interface-peer.js';
import { type StatusSample, statusLine, statusView } from '../../src/cli/status-view.js';
import { statusOf } from '../../src/endpoint/index.js';
import { Pair } from '../support/endpoint-pair.js';
import { runs } from '../support/runs.js';

const MPIP = 'build/src/cli/mpip.js';

const host: HostStatus = {
  pid: 7,
  interfaces: [
    { name: 'eth0', isPresent: true, isUp: true, hasCarrier: true, mtu: 1500, addresses: ['10.1.0.1/24'] },
    { name: 'eth1', isPresent: true, isUp: true, hasCarrier: false, mtu: 1500, addresses: [] },
    { name: 'eth2', isPresent: false, isUp: false, hasCarrier: false, mtu: null, addresses: [] },
  ],
  device: 'mpip0',
  hostMtu: 1474,
  table: 7000,
  routes: ['default'],
  heldAddresses: [],
  refused: 3,
  eventCount: 9,
  events: [
    { at: '2026-01-02T03:04:05.678Z', event: 'link-up', interface: 'eth1' },
    { at: '2026-01-02T03:04:06.678Z', event: 'carrier-lost', interface: 'eth1' },
  ],
};

/** Two moments of a connection with four paths, a second apart. */
function twoMoments(): [StatusSample, StatusSample] {
  const pair = new Pair();
  for (let i = 0; i < 30; i++) pair.exchange();
  const before = { status: structuredClone(statusOf(pair.a.endpoint)), atMs: 1000 };
  for (let i = 0; i < 40; i++) pair.exchange();
  return [before, { status: { ...structuredClone(statusOf(pair.a.endpoint)), host }, atMs: 2000 }];
}
const [before, now] = twoMoments();
const WIDE = { width: 120, colour: false };

/** A cell of a path's row by the head of its column. */
function cells(lines: readonly string[], title: string): string[] {
  const head = lines.find((line) => line.includes('weight'))!;
  const end = head.indexOf(title) + title.length;
  return lines
    .filter((line) => /^ +\d+ {2}10\./.test(line))
    .map((line) => /(\S+( %| [kMG]?b\/s| ms)?)$/.exec(line.slice(0, end).trimEnd())![1]!);
}

test('the view has sessions, paths with their share and rate, peers, events and counters', () => {
  const lines = statusView(before, now, WIDE);
  const text = lines.join('\n');
  assert.match(lines[0]!, /^mpip 0a:01 · paper · 10\.1\.0\.1 10\.2\.0\.1$/);
  assert.equal(lines[1], 'mpip0 MTU 1474 · eth0 up · eth1 no carrier · eth2 gone');
  assert.match(text, /^Sessions 1, paths 4$/m);
  assert.match(text, /^UDP 10\.1\.0\.1:40000 → 10\.1\.0\.2:7000 {2}0b:01 #1 +[\d.]+ [kM]b\/s$/m);
  assert.match(text, /^Peers 1\n {2}0b:01 {2}10\.\d\.0\.2 10\.\d\.0\.2$/m);
  assert.match(text, /^Events of the host 9\n {2}03:04:06 {2}eth1 lost its carrier\n {2}03:04:05 {2}eth1 went up$/m);
  assert.match(text, /CM out \d+ \(\+\d+\)/);
  assert.match(text, /refused 3/);
  const sent = (sample: StatusSample) => new Map(sample.status.paths.map((path) => [path.pathId, path.octetsSent]));
  const more = [...sent(now)].map(([id, octets]) => octets - (sent(before).get(id) ?? 0));
  const total = more.reduce((sum, octets) => sum + octets, 0);
  assert.ok(total > 0);
  assert.deepEqual(
    cells(lines, 'share').sort(),
    more.map((octets) => `${Math.round((100 * octets) / total)} %`).sort(),
  );
});

test('the tables of mpip status begin with the node, its device and its interfaces', () => {
  const [node, devices] = statusText(now.status).split('\n');
  assert.match(node!, /^node 0a:01 · profile paper · scheduler paper · addresses 10\.1\.0\.1 10\.2\.0\.1$/);
  assert.equal(devices, 'mpip0 MTU 1474 · eth0 up · eth1 no carrier · eth2 gone');
  assert.equal(statusText(before.status).split('\n')[1], '');
});

test('without a sample before there is no rate, without sessions it says so', () => {
  assert.deepEqual(new Set(cells(statusView(undefined, now, WIDE), 'share')), new Set(['-']));
  const empty = { ...now, status: { ...now.status, sessions: [], paths: [] } };
  assert.match(statusView(undefined, empty, WIDE).join('\n'), /^Sessions: none yet$/m);
});

test('a path that was made anew under an id counts from zero', () => {
  const restarted = structuredClone(now) as StatusSample;
  const path = restarted.status.paths[0]! as { octetsSent: number };
  path.octetsSent = 10;
  assert.ok(statusView(before, restarted, WIDE).every((line) => !line.includes('-1')));
});

test('the rate is per second of the time between the samples', () => {
  const slower = { ...now, atMs: 1000 + 10_000 };
  const bits = (line: string) => {
    const [, value, unit] = /([\d.]+) ([kM]?)b\/s$/.exec(line)!;
    return Number(value) * { '': 1, k: 1e3, M: 1e6 }[unit as 'k']!;
  };
  const rate = (sample: StatusSample) => bits(statusView(before, sample, WIDE).find((line) => line.startsWith('UDP'))!);
  assert.ok(Math.abs(rate(now) / rate(slower) - 10) < 0.5);
});

test('every line fits, whatever the width; addresses and shares are shown down to 50 columns', () => {
  fc.assert(
    fc.property(fc.integer({ min: 40, max: 200 }), fc.integer({ min: 3, max: 60 }), (width, height) => {
      const lines = statusView(before, now, { width, height, colour: false });
      assert.ok(lines.length <= height);
      for (const line of lines) assert.ok(line.length <= width, `${width}: ${line}`);
      if (width >= 50 && height >= 20) assert.match(lines.join('\n'), /10\.2\.0\.1 {2}10\.2\.0\.2.*%/);
    }),
    runs(200),
  );
});

test('what does not fit on the screen is summed up', () => {
  const whole = statusView(before, now, WIDE);
  const lines = statusView(before, now, { ...WIDE, height: 6 });
  assert.equal(lines.length, 6);
  assert.equal(lines[5], `… ${whole.length - 5} more lines; mpip status shows all`);
});

test('colour adds nothing but colour', () => {
  const plain = statusView(before, now, WIDE);
  const coloured = statusView(before, now, { ...WIDE, colour: true });
  assert.notDeepEqual(coloured, plain);
  assert.deepEqual(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
    coloured.map((line) => line.replaceAll(/\u001b\[\d+m/g, '')),
    plain,
  );
});

test('in one line: the time, the sum, and each path that carried something', () => {
  assert.equal(statusLine(undefined, now, 'T'), 'T sessions 1 paths 4');
  assert.match(
    statusLine(before, now, 'T'),
    /^T sessions 1 paths 4 out [\d.]+ kb\/s( \| 0b:01#1\/\d 10\.\d\.0\.1>10\.\d\.0\.2 \d+ % [\d.]+ kb\/s){1,4}$/,
  );
});

test('mpip status --watch prints lines where it is no terminal, until it is stopped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mpip-watch-'));
  const control = join(folder, 'peer.sock');
  const peer = spawn(
    process.execPath,
    [MPIP, 'peer', '--address', '127.0.0.1', '--port', '47125', '--control', control],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    await once(createInterface({ input: peer.stdout }), 'line');
    const watch = spawn(process.execPath, [MPIP, 'status', '--control', control, '--watch', '--interval', '0.1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    for await (const line of createInterface({ input: watch.stdout })) {
      lines.push(line);
      if (lines.length === 3) watch.kill('SIGINT');
    }
    assert.ok(lines.length >= 3);
    for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z sessions 0 paths 0( out 0 b\/s)?$/);
    if (watch.exitCode === null) await once(watch, 'close');
    assert.equal(watch.exitCode, 0);
    const ended = spawn(process.execPath, [MPIP, 'status', '--control', control, '--watch', '--interval', '0.1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    ended.stderr.on('data', (data) => (said += data));
    await once(createInterface({ input: ended.stdout }), 'line');
    peer.kill('SIGTERM');
    const [code] = await once(ended, 'close');
    assert.equal(code, 4);
    assert.match(said, /No peer answers/);
  } finally {
    peer.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  }
});
