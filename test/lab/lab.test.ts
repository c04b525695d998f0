import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { ADDRESSES, conditions, DEVICES, late, WIRELESS } from '../../src/lab/conditions.js';
import { whyNoLab } from '../../src/lab/host-commands.js';
import { netemWords } from '../../src/lab/netem.js';
import type { LabResults } from '../../src/lab/results.js';
import { noBrowser, withPage } from '../support/browser.js';

// Of its own, so that it meets no other lab of this host. Set before the modules that read it are loaded.
process.env.MPIP_LAB = `mpip-lab-t${process.pid}`;
const { HOST_A, HOST_B, ROUTER, Testbed } = await import('../../src/lab/testbed.js');
const { transfer } = await import('../../src/lab/iperf.js');

const WORDS = [process.execPath, 'build/src/cli/mpip.js'];
const folder = mkdtempSync(join(tmpdir(), 'mpip-lab-test-'));

function inside(namespace: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', namespace, ...words], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Round trips in milliseconds between two addresses, by datagrams that the far end answers. */
function roundTrips(from: string, to: string, count = 20): { median: number; least: number; lost: number } {
  const program = `
    const s = require('node:dgram').createSocket('udp4'); const trips = [];
    s.on('message', (data) => trips.push(performance.now() - data.readDoubleLE(0)));
    s.bind(0, '${from}', async () => {
      for (let i = 0; i < ${count}; i++) {
        const data = Buffer.alloc(8); data.writeDoubleLE(performance.now()); s.send(data, 5300, '${to}');
        await new Promise((r) => setTimeout(r, 20));
      }
      setTimeout(() => { trips.sort((a, b) => a - b); console.log(JSON.stringify({ median: trips[trips.length >> 1] ?? null, least: trips[0] ?? null, lost: ${count} - trips.length })); process.exit(); }, 300);
    });`;
  return JSON.parse(inside(HOST_A, process.execPath, '-e', program));
}

async function echoOnServer(): Promise<ChildProcess> {
  const child = spawn('ip', ['netns', 'exec', HOST_B, ...WORDS, 'lab', 'audio-echo'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('the lab', { skip: whyNoLab() ?? false }, () => {
  after(() => {
    Testbed.down();
    rmSync(folder, { recursive: true, force: true });
  });

  test('four paths, each as an experiment asks for: delays, limits, pairs that are cut, a NAT', async (t) => {
    const testbed = Testbed.up(WORDS);
    assert.ok(Testbed.isUp());
    const echo = await echoOnServer();
    t.after(async () => {
      echo.kill('SIGKILL');
      await testbed.calm();
      Testbed.down();
    });
    await testbed.apply(conditions());
    for (const from of [ADDRESSES.a1, ADDRESSES.a2])
      for (const to of [ADDRESSES.b1, ADDRESSES.b2]) assert.equal(roundTrips(from, to, 5).lost, 0, `${from} ${to}`);

    await testbed.apply(
      conditions({ a1: { out: late(30), in: late(20) } }, { pairs: [{ from: 'a2', to: 'b1', rate: 0 }] }),
    );
    assert.ok(roundTrips(ADDRESSES.a1, ADDRESSES.b1).least >= 50, 'late out and in');
    assert.ok(roundTrips(ADDRESSES.a2, ADDRESSES.b2).least < 50, 'the other interface is not');
    assert.equal(roundTrips(ADDRESSES.a2, ADDRESSES.b1, 5).lost, 5, 'a pair that is cut');

    await testbed.apply(conditions({ a1: { out: { delay: 0, jitter: 0, loss: 0.5 } } }));
    const { lost } = roundTrips(ADDRESSES.a1, ADDRESSES.b1, 60);
    assert.ok(lost > 5 && lost < 55, `half is lost: ${lost} of 60`);

    // netem is used where the kernel has it: tc has to understand what it is told, and the kernel to know it or not.
    const netem = spawnSync('tc', ['-n', ROUTER, ...netemWords('lo', WIRELESS.out!)], { encoding: 'utf8' });
    if (testbed.hasNetem) assert.equal(netem.status, 0, netem.stderr);
    else assert.match(netem.stderr, /qdisc kind is unknown/);
    assert.doesNotMatch(inside(ROUTER, 'ip', 'link'), /ntry|try/, 'finding out left nothing');

    await testbed.apply(conditions({ a1: { outbound: 20 } }));
    const { megabits } = await transfer({ address: ADDRESSES.b1, seconds: 2, settle: 1 });
    assert.ok(megabits < 20 && megabits > 2, `limited to 20: ${megabits}`);

    await testbed.apply(conditions({ a1: { rate: { low: 20, high: 20, period: 100 }, airtime: 1000 } }));
    const { megabits: inTheAir } = await transfer({ address: ADDRESSES.b1, seconds: 2, settle: 1 });
    assert.ok(inTheAir < 12 && inTheAir > 1, `of 20 a frame's time leaves less than 12: ${inTheAir}`);
    const classes = inside(HOST_A, 'tc', '-s', 'class', 'show', 'dev', 'air-a1');
    const packetsOf = (id: string) =>
      Number(new RegExp(`class htb ${id} .*?Sent \\d+ bytes (\\d+) pkt`, 's').exec(classes)?.[1]);
    assert.ok(packetsOf('1:10') > 100 && packetsOf('1:20') > 100, `both directions: ${classes}`);
    assert.equal(packetsOf('1:1'), packetsOf('1:10') + packetsOf('1:20'), 'have one rate between them');

    await testbed.apply(conditions({}, { nat: true, absent: ['b2'] }));
    assert.equal(roundTrips(ADDRESSES.a1, ADDRESSES.b1, 5).lost, 0);
    assert.match(inside(ROUTER, 'iptables-legacy', '-t', 'nat', '-L', 'POSTROUTING', '-n'), /MASQUERADE/);
    await testbed.calm();
    assert.doesNotMatch(inside(ROUTER, 'iptables-legacy-save'), /MASQUERADE|NFQUEUE|DROP/);
    for (const device of DEVICES.filter((name) => name.startsWith('a')))
      assert.doesNotMatch(inside(HOST_A, 'tc', 'qdisc', 'show', 'dev', device), /tbf|htb|clsact/);
    assert.doesNotMatch(inside(HOST_A, 'ip', 'link'), /air-/);
    assert.deepEqual(Testbed.down().sort(), [HOST_A, HOST_B, ROUTER].sort());
    assert.equal(Testbed.isUp(), false);
  });

  test('a run gives results as the schema says, and a page that opens without a network', async () => {
    const out = join(folder, 'run');
    const words = ['lab', 'run', 'table8-nolimit', '--rounds', '1', '--seconds', '2', '--settle', '1', '--out', out];
    const systems = ['--system', 'tcp', '--system', 'mpip'];
    const child = spawn(WORDS[0]!, [WORDS[1]!, ...words, ...systems], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
    const [code] = await once(child, 'close');
    // Whether a goal is met is the machine's affair.
    assert.ok(code === 0 || code === 1, said);
    const results: unknown = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
    const isResults = new Ajv({ allErrors: true, formats: { 'date-time': true } }).compile(
      JSON.parse(readFileSync('docs/schema/lab-results.schema.json', 'utf8')),
    );
    assert.ok(isResults(results), JSON.stringify(isResults.errors));
    const [experiment] = (results as LabResults).experiments;
    assert.ok(experiment!.systems.tcp!.median > 0 && experiment!.systems.mpip!.median > 0, said);
    assert.ok(experiment!.systems.mpip!.typical!.samples.at(-1)!.paths.length >= 2, 'several paths');
    assert.equal(Testbed.isUp(), false, 'nothing is left');
    assert.ok((results as LabResults).isComplete);
    if (noBrowser !== false) return;
    await withPage(join(out, 'report.html'), async (page, log) => {
      await page.waitForSelector('figure.plot canvas');
      const drawn = await page.locator('figure.plot canvas').count();
      assert.ok(drawn >= 5, `${drawn} plots`);
      assert.equal(await page.locator('svg.bars rect').count(), 2);
      assert.deepEqual(log.errors, []);
      assert.deepEqual(
        log.requests.filter((url) => !url.startsWith('file:')),
        [],
      );
    });
  });

  test('a killed run leaves a lab that down removes, and nobody takes a lab that is in use', async () => {
    const run = ['lab', 'run', 'table8-delay', '--rounds', '1', '--system', 'tcp', '--out', join(folder, 'killed')];
    const child = spawn(WORDS[0]!, [WORDS[1]!, ...run], { stdio: 'ignore' });
    while (!Testbed.isUp()) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.throws(() => Testbed.down(), new RegExp(`is being used by process ${child.pid}; end that first`));
    child.kill('SIGKILL');
    await once(child, 'close');
    const { status, stdout } = spawnSync(WORDS[0]!, [WORDS[1]!, 'lab', 'down'], { encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /^Removed /);
    for (const name of [HOST_A, HOST_B, ROUTER]) assert.equal(existsSync(`/run/netns/${name}`), false);
  });

  test('a namespace that the lab did not make stays', () => {
    assert.equal(spawnSync('ip', ['netns', 'add', ROUTER]).status, 0);
    try {
      assert.throws(() => Testbed.up(WORDS), /did not make; it stays/);
      assert.deepEqual(Testbed.down(), []);
      assert.ok(existsSync(`/run/netns/${ROUTER}`));
    } finally {
      spawnSync('ip', ['netns', 'del', ROUTER]);
    }
  });

  test('wrong words are one sentence and exit code 2', () => {
    const say = (...words: string[]) => spawnSync(WORDS[0]!, [WORDS[1]!, 'lab', ...words], { encoding: 'utf8' });
    for (const [words, sentence] of [
      [['run', 'table8-nolimt'], /did you mean table8-nolimit/],
      [['run'], /Name an experiment, or all/],
      [['run', 'udp-gain', '--rounds', '0'], /--rounds must be a whole number/],
      [['run', 'udp-gain', '--system', 'mptpc'], /cannot be 'mptpc'/],
      [['lits'], /did you mean list/],
      [[], /Say what to do/],
    ] as const) {
      const { status, stderr } = say(...words);
      assert.equal(status, 2, stderr);
      assert.match(stderr, sentence);
    }
    const damaged = join(folder, 'damaged');
    spawnSync('mkdir', ['-p', damaged]);
    writeFileSync(join(damaged, 'results.json'), '{');
    assert.match(say('report', damaged).stderr, /is no result of mpip lab/);
    assert.equal(say('report', join(folder, 'nowhere')).status, 4);
  });
});
