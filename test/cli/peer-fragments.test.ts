import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { NamespaceLab, run, whyNoNamespaces } from '../support/namespaces.js';

const MPIP = 'build/src/cli/mpip.js';
const TRAFFIC = 'build/test/support/traffic.js';
const reason = whyNoNamespaces();

describe('mpip peer --interface and packets that are larger than a link', { skip: reason }, () => {
  let lab: NamespaceLab;

  before(async () => {
    lab = new NamespaceLab();
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7000'], /serving/);
  });
  after(() => lab?.close());
  afterEach(() => lab.endPeers());

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

  test('packets with a CM that a router cuts arrive whole and without their CM', async () => {
    const quiet = (host: string) =>
      run('ip', ['netns', 'exec', host, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_no_pmtu_disc']);
    quiet(lab.hostA);
    quiet(lab.hostB);
    // A socket reads the setting when it is made.
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7001'], /serving/);
    for (const [i, device] of ['ra1', 'ra2', 'rb1', 'rb2'].entries()) {
      const way = [`10.77.${i + 1}.0/24`, 'dev', device, 'src', `10.77.${i + 1}.1`];
      run('ip', [
        '-n',
        lab.router,
        'route',
        'replace',
        ...way,
        'mtu',
        'lock',
        '1300',
        'proto',
        'kernel',
        'scope',
        'link',
      ]);
    }
    await peer(lab.hostA);
    await peer(lab.hostB);
    assert.deepEqual(await echo(100, 1440, 1280, 7001), { sent: 100, intact: 100 });
  });
});
