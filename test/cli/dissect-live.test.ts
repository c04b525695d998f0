import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { cm, udp } from '../dissector/made-packets.js';
import { CAP } from '../support/cap.js';
import { childrenOf } from '../support/check-process.js';
import { NamespaceLab, run, whyNoNamespaces } from '../support/namespaces.js';

const MPIP = resolve('build/src/cli/mpip.js');
const READY = /^mpip: reading packets of/;
const DATAGRAMS = 200;

function mpip(...args: string[]) {
  return spawnSync(process.execPath, [MPIP, 'dissect', ...args], { encoding: 'utf8' });
}

const recordsOf = (output: string) =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('what does not go together is refused before anything is opened', () => {
  const wrong: readonly [RegExp, ...string[]][] = [
    [/needs an interface/, '--live'],
    [/add --live/, '-i', 'lo', 'a.pcap'],
    [/add --live/, '--count', '3', 'a.pcap'],
    [/add --live/, '--link', 'pcap', 'a.pcap'],
    [/--link .*packet, pcap/, '--live', '-i', 'lo', '--link', 'tap'],
    [/not files/, '--live', '-i', 'lo', 'a.pcap'],
    [/not any/, '--live', '-i', 'any'],
    [/--html is about captures in files/, '--live', '-i', 'lo', '--html', 'a.html'],
    [/--duration must be a whole number/, '--live', '-i', 'lo', '--duration', '0'],
  ];
  for (const [sentence, ...args] of wrong) {
    const { status, stderr } = mpip(...args);
    assert.match(stderr, sentence);
    assert.equal(status, 2, stderr);
  }
});

const isLinux = process.platform === 'linux';

test('an interface that does not exist: exit code 2, and which there are', { skip: !isLinux && 'Linux only' }, () => {
  const { status, stderr, stdout } = mpip('--live', '-i', 'mpip-none');
  assert.match(stderr, /^mpip: There is no interface 'mpip-none'; choose from .*\blo\b/);
  assert.deepEqual([status, stdout], [2, '']);
});

test('without privilege: one sentence, exit code 4', { skip: !isLinux && 'Linux only' }, () => {
  const command = [process.execPath, MPIP, 'dissect', '--live', '-i', 'lo'];
  const humble = process.getuid!() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all', ...command] : command;
  const { status, stderr } = spawnSync(humble[0]!, humble.slice(1), { encoding: 'utf8' });
  assert.match(stderr, /^mpip: --live needs privilege to read packets: run it as root or with CAP_NET_RAW.*\n$/);
  assert.equal(status, 4, stderr);
});

test('libpcap without the package cap: how to have it, and what does without; exit code 4', () => {
  const env = { ...process.env, MPIP_CAP: '/nonexistent/cap' };
  const args = [MPIP, 'dissect', '--live', '-i', 'lo', '--link', 'pcap'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  assert.match(
    stderr,
    /^mpip: libpcap is used .*npm install --prefix DIR cap.*MPIP_CAP.*; or let tcpdump read them: sudo tcpdump .*\n$/,
  );
  assert.equal(status, 4, stderr);
});

const reason = whyNoNamespaces();

describe('mpip dissect --live on a host of its own', { skip: reason ?? false }, () => {
  let lab: NamespaceLab;
  const folder = mkdtempSync(join(tmpdir(), 'mpip-live-'));
  before(() => {
    lab = new NamespaceLab();
  });
  after(() => {
    lab.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const live = (...args: string[]) =>
    lab.start(lab.hostB, process.execPath, [MPIP, 'dissect', '--live', ...args], READY);

  /** Sends datagrams from host A, each with a CM, by way of its own kernel. */
  async function send(address: string, count: number): Promise<void> {
    const payloads = Array.from({ length: count }, (_, index) =>
      Buffer.from(udp(cm({ timestamp: 1000 + index, sessionId: 2, pathId: 1 })).subarray(28)).toString('hex'),
    );
    const script = `const socket = require('node:dgram').createSocket('udp4');
      (async () => {
        for (const hex of ${JSON.stringify(payloads)})
          await new Promise((sent) => socket.send(Buffer.from(hex, 'hex'), 7000, '${address}', sent));
        socket.close();
      })();`;
    await lab.finish(lab.hostA, process.execPath, '-e', script);
  }

  test('the same records as from the capture of dumpcap and from its own, in order, until SIGINT', async () => {
    const theirs = join(folder, 'dumpcap.pcapng');
    const own = join(folder, 'own.pcapng');
    // It is done when it has them all: what it has not read yet when it is told to end, it loses.
    const choice = ['-f', 'udp dst port 7000', '-c', `${DATAGRAMS}`];
    const dumpcap = await lab.start(lab.hostB, 'dumpcap', ['-i', 'b1', ...choice, '-w', theirs], /^File: /);
    const written = await live('-i', 'b1', '--all', '--write', own);
    const printed = await live('-i', 'b1', '--format', 'ndjson');
    await send('10.77.3.2', DATAGRAMS);
    await printed.until(new RegExp(`"mpip.timestamp":${1000 + DATAGRAMS - 1}\\b`));
    const ends = await Promise.all([printed.end('SIGINT'), written.end('SIGTERM'), dumpcap.finish()]);
    assert.deepEqual(
      ends.map(({ code }) => code),
      [0, 0, 0],
    );
    assert.match(ends[0].output, /^mpip: b1: packets read: \d+; dropped by the kernel: 0\.$/m);
    const seen = recordsOf(ends[0].output);
    assert.equal(seen.length, DATAGRAMS);
    assert.deepEqual(
      seen.map((record) => record['mpip.timestamp']),
      seen.map((_, index) => 1000 + index),
    );
    assert.deepEqual(recordsOf(mpip('--format', 'ndjson', own).stdout), seen);
    // Its clock may be coarser, and its numbers count from when it began.
    const coarse = (records: Record<string, unknown>[]) =>
      records.map((record) => {
        const { 'frame.number': _, 'frame.time_relative': __, 'frame.time_epoch': time, ...rest } = record;
        return { ...rest, micros: String(time).slice(0, -3) };
      });
    assert.deepEqual(coarse(recordsOf(mpip('--format', 'ndjson', theirs).stdout)), coarse(seen));
    assert.match(run('tshark', ['-r', own, '-T', 'fields', '-e', 'frame.interface_name']), /^b1$/m);
  });

  test('several interfaces, --count, -Y and -e; a summary and conversations at the end', async () => {
    const fields = ['-e', 'frame.file', '-e', 'mpip.timestamp', '-Y', 'mpip.timestamp < 1002 && udp.dstport == 7000'];
    const lines = await live('-i', 'b1', '-i', 'b2', '--format', 'csv', ...fields);
    const counts = await live('-i', 'b1', '--summary', '--format', 'json');
    const sessions = await live('-i', 'b1', '--conversations', '--format', 'json');
    const counted = await live('-i', 'b1', '--count', '5', '--all', '--format', 'csv', '-e', 'frame.number');
    await send('10.77.3.2', 6);
    await send('10.77.4.2', 4);
    await lines.until(/^b2,1001/);
    assert.deepEqual((await lines.end('SIGTERM')).output.match(/^b\d,.*$/gm), [
      'b1,1000',
      'b1,1001',
      'b2,1000',
      'b2,1001',
    ]);
    assert.match((await counts.end('SIGINT')).output, /"mpip": 6\b/);
    assert.match((await sessions.end('SIGINT')).output, /"0a:01"/);
    const { code, output } = await counted.finish();
    assert.equal(code, 0);
    assert.deepEqual(output.match(/^\d+$/gm), ['1', '2', '3', '4', '5']);
  });

  test('loopback gives each packet once', async () => {
    const one = await live('-i', 'lo', '--format', 'ndjson', '--all');
    const send = `const s = require('node:dgram').createSocket('udp4').bind(7001, '127.0.0.1', () =>
      s.send('one', 7001, '127.0.0.1', () => s.send('other', 7001, '127.0.0.1', () => s.close())));`;
    await lab.finish(lab.hostB, process.execPath, '-e', send);
    await one.until(/"frame.number":2\b/);
    const { code, output } = await one.end('SIGINT');
    assert.equal(code, 0);
    const lengths = recordsOf(output).map((record) => record['frame.len']);
    assert.deepEqual(lengths, [42 + 'one'.length, 42 + 'other'.length], output);
  });

  test('--duration ends it by itself', async () => {
    const { code, output } = await (await live('-i', 'lo', '--format', 'json', '--duration', '1')).finish();
    assert.equal(code, 0);
    assert.match(output, /^\[\]$/m);
    assert.match(output, /^mpip: lo: packets read: 0; dropped by the kernel: 0\.$/m);
  });

  test('packets that the kernel had no room for are counted', async () => {
    const sent = 1500;
    const one = await live('-i', 'lo', '--summary');
    // 90 MB, of which the socket holds 32.
    one.signal('SIGSTOP');
    const send = `const s = require('node:dgram').createSocket('udp4').bind(7001, '127.0.0.1', async () => {
      for (let i = 0; i < ${sent}; i++)
        await new Promise((sent) => s.send(Buffer.alloc(60000), 7001, '127.0.0.1', sent));
      s.close();
    });`;
    await lab.finish(lab.hostB, process.execPath, '-e', send);
    one.signal('SIGCONT');
    const { code, output } = await one.end('SIGINT');
    const [, read, dropped] = /lo: packets read: (\d+); dropped by the kernel: (\d+)\./.exec(output) ?? [];
    assert.equal(code, 0, output);
    assert.ok(Number(read) > 0 && Number(dropped) > 0, output);
    assert.equal(Number(read) + Number(dropped), sent, output);
  });

  test('an interface that is removed meanwhile ends it: what came is printed, exit code 4', async () => {
    run('ip', ['-n', lab.hostB, 'link', 'add', 'b7', 'type', 'veth', 'peer', 'name', 'b8']);
    run('ip', ['-n', lab.hostB, 'link', 'set', 'b7', 'up']);
    const one = await live('-i', 'b7', '--summary');
    run('ip', ['-n', lab.hostB, 'link', 'del', 'b7']);
    const { code, output } = await one.finish();
    assert.match(output, /^mpip: Interface b7 was removed meanwhile\.$/m);
    assert.equal(code, 4);
  });

  // Nothing is registered, and so nothing skipped, where verify could not compile the package cap.
  if (CAP === undefined) return;
  process.env.MPIP_CAP = CAP;
  const byPcap = (...args: string[]) => live('--link', 'pcap', ...args);

  test('libpcap: the same records as by packet sockets, until SIGINT to the whole group', async () => {
    const own = join(folder, 'pcap.pcapng');
    const printed = await byPcap('-i', 'b1', '-i', 'b2', '--format', 'ndjson');
    const written = await byPcap('-i', 'b1', '--all', '--write', own);
    const counted = await byPcap('-i', 'b1', '--count', '5', '--all', '--format', 'csv', '-e', 'frame.number');
    const reference = await live('-i', 'b1', '-i', 'b2', '--format', 'ndjson');
    await send('10.77.3.2', DATAGRAMS);
    await send('10.77.4.2', DATAGRAMS);
    await reference.until(new RegExp(`"frame.file":"b2".*"mpip.timestamp":${1000 + DATAGRAMS - 1}\\b`));
    for (const pid of [printed.pid, ...childrenOf(printed.pid)]) process.kill(pid, 'SIGINT');
    const ends = await Promise.all([
      printed.finish(),
      reference.end('SIGINT'),
      written.end('SIGTERM'),
      counted.finish(),
    ]);
    assert.deepEqual(
      ends.map(({ code }) => code),
      [0, 0, 0, 0],
      ends[0].output,
    );
    const timeless = (output: string) =>
      recordsOf(output).map((record) => {
        const { 'frame.number': _, 'frame.time_relative': __, 'frame.time_epoch': ___, ...rest } = record;
        return rest;
      });
    const seen = timeless(ends[0].output);
    assert.equal(seen.length, 2 * DATAGRAMS);
    assert.deepEqual(seen, timeless(ends[1].output));
    assert.match(
      ends[0].output,
      /^mpip: b1: packets read: \d+; dropped here: 0; how many the kernel dropped is not known/m,
    );
    assert.deepEqual(
      timeless(mpip('--format', 'ndjson', own).stdout),
      seen.slice(0, DATAGRAMS).map(({ 'frame.file': _, ...rest }) => rest),
    );
    assert.deepEqual(ends[3].output.match(/^\d+$/gm), ['1', '2', '3', '4', '5']);
  });

  test('libpcap: what came is printed when the interface goes or the process that reads it is killed, exit code 4', async () => {
    run('ip', ['-n', lab.hostB, 'link', 'add', 'b7', 'type', 'veth', 'peer', 'name', 'b8']);
    run('ip', ['-n', lab.hostB, 'link', 'set', 'b7', 'up']);
    const gone = await byPcap('-i', 'b1', '-i', 'b7', '--format', 'ndjson');
    const killed = await byPcap('-i', 'b1', '--format', 'ndjson');
    await send('10.77.3.2', DATAGRAMS);
    const last = new RegExp(`"mpip.timestamp":${1000 + DATAGRAMS - 1}\\b`);
    await Promise.all([gone.until(last), killed.until(last)]);
    run('ip', ['-n', lab.hostB, 'link', 'del', 'b7']);
    for (const pid of childrenOf(killed.pid)) process.kill(pid, 'SIGKILL');
    // The other interface is still read.
    const end = await killed.finish();
    await send('10.77.3.2', DATAGRAMS + 1);
    await gone.until(new RegExp(`"mpip.timestamp":${1000 + DATAGRAMS}\\b`));
    const other = await gone.end('SIGINT');
    assert.match(end.output, /^mpip: The process that uses libpcap for b1 ended \(SIGKILL\)\.$/m);
    assert.match(other.output, /^mpip: Interface b7 went down or was removed meanwhile\.$/m);
    assert.deepEqual([end.code, other.code], [4, 4]);
    assert.deepEqual([recordsOf(end.output).length, recordsOf(other.output).length], [DATAGRAMS, 2 * DATAGRAMS + 1]);
  });

  test('libpcap: no process is left behind when the command is killed', async () => {
    const one = await byPcap('-i', 'b1', '-i', 'b2');
    const children = childrenOf(one.pid);
    assert.equal(children.length, 2);
    await one.end('SIGKILL');
    while (children.some((pid) => existsSync(`/proc/${pid}`))) await setTimeout(20);
  });
});
