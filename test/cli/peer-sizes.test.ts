import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { NamespaceLab, run, whyNoNamespaces } from '../support/namespaces.js';

const MPIP = 'build/src/cli/mpip.js';
const TRAFFIC = 'build/test/support/traffic.js';
const reason = whyNoNamespaces();

describe('mpip peer --interface and packets that are larger than a link', { skip: reason }, () => {
  let lab: NamespaceLab;
  /** What the router refuses to forward. */
  let refused: string | undefined;
  const folder = mkdtempSync(join(tmpdir(), 'mpip-fragments-'));

  before(async () => {
    lab = new NamespaceLab();
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7000'], /serving/);
  });
  after(() => {
    lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    await lab.endPeers();
    if (refused !== undefined) run('ip', ['-n', lab.router, 'route', 'del', 'prohibit', refused]);
    refused = undefined;
    for (const net of [1, 2, 3, 4]) narrow(net, 1500);
    for (const host of [lab.hostA, lab.hostB]) run('ip', ['-n', host, 'route', 'flush', 'cache']);
  });

  const peer = (host: string, ...args: string[]) => {
    const [first, second] = host === lab.hostA ? ['a1', 'a2'] : ['b1', 'b2'];
    const all = [MPIP, 'peer', '--interface', first!, '--interface', second!, ...args];
    return lab.start(host, process.execPath, all, /^ready /, true);
  };
  /** Echo of datagrams: every octet is compared. */
  const echo = async (count: number, largest: number, least: number, port = 7000): Promise<Record<string, unknown>> => {
    const all = [TRAFFIC, 'udp', '10.77.3.2', ...[port, count, largest, least].map(String)];
    return JSON.parse((await lab.start(lab.hostA, process.execPath, all, /^\{/)).line) as Record<string, unknown>;
  };

  test('datagrams of up to 60 kB pass between two nodes in both directions, whole', async () => {
    await peer(lab.hostA);
    await peer(lab.hostB);
    assert.deepEqual(await echo(40, 1400, 4), { sent: 40, intact: 40 });
    assert.deepEqual(await echo(40, 20_000, 20_000), { sent: 40, intact: 40 });
    assert.deepEqual(await echo(40, 60_000, 1447), { sent: 40, intact: 40 });
  });

  test('they pass to and from a host without MPIP', async () => {
    await peer(lab.hostA);
    assert.deepEqual(await echo(40, 20_000, 20_000), { sent: 40, intact: 40 });
  });

  /** From now on the router says of one network that its link carries packets of `mtu` octets. */
  const narrow = (net: number, mtu: number): void => {
    const device = ['', 'ra1', 'ra2', 'rb1', 'rb2'][net]!;
    const way = [`10.77.${net}.0/24`, 'dev', device, 'src', `10.77.${net}.1`, 'proto', 'kernel', 'scope', 'link'];
    run('ip', ['-n', lab.router, 'route', 'replace', ...way, 'mtu', 'lock', String(mtu)]);
  };
  const stream = async (octets: number): Promise<Record<string, unknown>> => {
    const all = [TRAFFIC, 'tcp', '10.77.3.2', '7000', String(octets)];
    return JSON.parse((await lab.start(lab.hostA, process.execPath, all, /^\{/)).line) as Record<string, unknown>;
  };
  /** Lets a client talk for a while; `during` happens when it has begun. */
  const steady = async (port: number, millis: number, during: () => Promise<unknown> | unknown): Promise<string> => {
    const args = [TRAFFIC, 'steady', '10.77.3.2', String(port), String(millis)];
    const client = await lab.start(lab.hostA, process.execPath, args, /^talking/);
    await during();
    return (await client.finish()).output.trim().split('\n').at(-1)!;
  };

  test('a link on the way that carries less: streams and datagrams pass over all paths, whole', async () => {
    narrow(4, 1400);
    await peer(lab.hostA);
    await peer(lab.hostB);
    assert.deepEqual(await stream(4_000_000), { received: 4_000_000, intact: true });
    const file = join(folder, 'narrow.pcapng');
    const capture = await lab.start(lab.router, 'dumpcap', ['-i', 'rb2', '-f', 'dst 10.77.4.2', '-w', file], /^File: /);
    assert.deepEqual(await stream(4_000_000), { received: 4_000_000, intact: true });
    // It loses what it has not read yet.
    await setTimeout(2000);
    await capture.end('SIGINT');
    const lengths = run('tshark', ['-r', file, '-T', 'fields', '-e', 'ip.len', '-e', 'ip.flags.mf']).trim().split('\n');
    assert.ok(lengths.filter((line) => line === '1400\t0').length > 100, 'full segments by the narrow link');
  });

  test('all links on the way carry less: the kernel learns how much is left beside the CM', async () => {
    narrow(3, 1400);
    narrow(4, 1300);
    await peer(lab.hostA);
    await peer(lab.hostB);
    assert.deepEqual(await stream(4_000_000), { received: 4_000_000, intact: true });
    const learnt = run('ip', ['-n', lab.hostA, 'route', 'get', '10.77.3.2', 'ipproto', 'tcp']);
    assert.match(learnt, /mtu 1274/);
  });

  test('port unreachable of the peer reaches the application in the middle of a session', async () => {
    await peer(lab.hostA);
    await peer(lab.hostB);
    const server = await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7002'], /serving/);
    const said = await steady(7002, 2000, () => server.end('SIGKILL'));
    assert.deepEqual((JSON.parse(said) as { errors: string[] }).errors, ['ECONNREFUSED']);
  });

  test("a router that refuses the session's own way ends nothing: the others carry on", async () => {
    await peer(lab.hostA);
    await peer(lab.hostB);
    refused = '10.77.3.2/32';
    const refuse = () => run('ip', ['-n', lab.router, 'route', 'add', 'prohibit', refused!]);
    assert.deepEqual(JSON.parse(await steady(7000, 8000, refuse)), { errors: [], lost: 0 });
  });

  test('packets with a CM that a router cuts arrive whole and without their CM', async () => {
    const quiet = (host: string) =>
      run('ip', ['netns', 'exec', host, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_no_pmtu_disc']);
    quiet(lab.hostA);
    quiet(lab.hostB);
    // A socket reads the setting when it is made.
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7001'], /serving/);
    for (const net of [1, 2, 3, 4]) narrow(net, 1300);
    await peer(lab.hostA);
    await peer(lab.hostB);
    assert.deepEqual(await echo(100, 1440, 1280, 7001), { sent: 100, intact: 100 });
  });
});
