import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { HostStatus } from '../../src/cli/interface-peer.js';
import type { EndpointStatus } from '../../src/endpoint/index.js';
import { NamespaceLab, type Running, run, whyNoNamespaces } from '../support/namespaces.js';

const MPIP = 'build/src/cli/mpip.js';
const TRAFFIC = 'build/test/support/traffic.js';
/** No path and no session ends by time: what follows a change follows the kernel's word. */
const NO_TIME_OUT = ['--set', 'path-expiry=1h', '--set', 'session-expiry=1h'];

const reason = whyNoNamespaces();

describe('mpip peer --interface follows what happens to the interfaces', { skip: reason }, () => {
  let lab: NamespaceLab;
  before(async () => {
    lab = new NamespaceLab();
    await lab.start(lab.hostB, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', '7000'], /serving/);
  });
  after(() => lab?.close());
  afterEach(() => lab.endPeers());

  const peer = (host: string): Promise<Running> => {
    const [first, second] = host === lab.hostA ? ['a1', 'a2'] : ['b1', 'b2'];
    const all = [MPIP, 'peer', '--interface', first!, '--interface', second!, ...NO_TIME_OUT];
    return lab.start(host, process.execPath, all, /^ready /, true);
  };
  const client = (kind: 'stream' | 'talk'): Promise<Running> =>
    lab.start(lab.hostA, process.execPath, [TRAFFIC, kind, '10.77.3.2', '7000'], /connected/);
  const statusOfA = () => {
    const words = ['netns', 'exec', lab.hostA, process.execPath, MPIP, 'status', '--format', 'json'];
    return JSON.parse(run('ip', words)) as EndpointStatus & { host: HostStatus };
  };
  /** Waits until the transfer has as many paths from each address of host A as are said, and nothing else has more. */
  const paths = async (first: number, second: number): Promise<void> => {
    for (;;) {
      const { sessions, paths } = statusOfA();
      const most = (address: string) =>
        Math.max(
          ...sessions.map(
            (session) =>
              paths.filter((path) => path.sessionId === session.sessionId && path.tuple.source === address).length,
          ),
        );
      if (most('10.77.1.2') === first && most('10.77.2.2') === second) return;
      await setTimeout(100);
    }
  };
  const ip = (...words: string[]) => run('ip', ['-n', lab.hostA, ...words]);
  const route = () => lab.restore('a1');

  /** The host's network in no order and without the numbers that a new interface has. */
  const seen = () =>
    lab
      .snapshot(lab.hostA)
      .replaceAll(/^\d+: |@if\d+|link-netnsid \d+/gm, '')
      .split('\n')
      .sort()
      .join('\n');

  /** What happens, the events that it causes, and how it is made undone. */
  const changes: [what: string, doIt: () => void, events: string[], isHeld: boolean, undo: () => void][] = [
    [
      'an address is removed and given back',
      () => ip('addr', 'del', '10.77.1.2/24', 'dev', 'a1'),
      ['address-removed', 'default-route-gone', 'routes-changed'],
      true,
      route,
    ],
    [
      'a link goes down and up',
      () => ip('link', 'set', 'a1', 'down'),
      ['link-down', 'default-route-gone', 'routes-changed'],
      false,
      () => {
        ip('link', 'set', 'a1', 'up');
        route();
      },
    ],
    [
      'the carrier is lost and comes back',
      () => run('ip', ['-n', lab.router, 'link', 'set', 'ra1', 'down']),
      ['carrier-lost'],
      false,
      () => run('ip', ['-n', lab.router, 'link', 'set', 'ra1', 'up']),
    ],
    [
      'an interface is removed and made again',
      () => ip('link', 'del', 'a1'),
      ['interface-gone', 'default-route-gone', 'routes-changed'],
      true,
      () => {
        ip('rule', 'del', 'from', '10.77.1.2', 'lookup', '1');
        lab.link('a1');
      },
    ],
    [
      'the default routes by an interface vanish and return',
      () => {
        ip('route', 'del', 'default', 'dev', 'a1', 'table', '1');
        ip('route', 'del', 'default', 'dev', 'a1');
      },
      ['default-route-gone'],
      false,
      route,
    ],
  ];

  for (const [what, doIt, expected, isHeld, undo] of changes)
    test(`${what}: a transfer and an idle connection go on, and nothing is left`, { timeout: 45_000 }, async () => {
      const untouched = seen();
      const [a] = [await peer(lab.hostA), await peer(lab.hostB)];
      const stream = await client('stream');
      const idle = await client('talk');
      idle.signal('SIGUSR1');
      await idle.until(/answer 1$/);
      await paths(2, 2);
      assert.equal(statusOfA().host.eventCount, 0, 'what the peer itself changes is no event');

      doIt();
      await a.until(/addresses now 10\.77\.2\.2\./);
      stream.signal('SIGUSR1');
      idle.signal('SIGUSR1');
      await stream.until(/mark 1$/);
      await idle.until(/answer 2$/);
      await paths(0, 2);
      const { host, sessions } = statusOfA();
      const events = host.events.map(({ event }) => event);
      for (const event of expected) assert.ok(events.includes(event as never), `${event} of ${events.join()}`);
      assert.deepEqual(host.heldAddresses, isHeld ? ['10.77.1.2'] : []);
      assert.ok(
        sessions.every(({ tuple }) => tuple.source === '10.77.1.2'),
        'the tuple of a session never changes',
      );

      undo();
      await a.until(/addresses now 10\.77\.1\.2 10\.77\.2\.2\./);
      stream.signal('SIGUSR1');
      idle.signal('SIGUSR1');
      await stream.until(/mark 2$/);
      await idle.until(/answer 3$/);
      await paths(2, 2);
      assert.deepEqual(statusOfA().host.heldAddresses, []);

      stream.signal('SIGUSR2');
      idle.signal('SIGUSR2');
      assert.match(await stream.until(/^\{/), /"intact":true/);
      await idle.until(/^\{/);
      await lab.endPeers();
      assert.equal(seen(), untouched);
    });

  test('the MTU of an interface changes: that of the device follows, and so does a transfer', {
    timeout: 90_000,
  }, async () => {
    const [peerB, peerA] = [await peer(lab.hostB), await peer(lab.hostA)];
    const transfer = await client('stream');
    await paths(2, 2);
    const set = async (mtu: number) => {
      ip('link', 'set', 'a1', 'mtu', String(mtu));
      run('ip', ['-n', lab.router, 'link', 'set', 'ra1', 'mtu', String(mtu)]);
      while (statusOfA().host.hostMtu !== mtu - 26) await setTimeout(100);
      assert.match(ip('-o', 'link', 'show', 'mpip0'), new RegExp(` mtu ${mtu - 26} `));
    };
    let marks = 0;
    const goesOn = async () => {
      transfer.signal('SIGUSR1');
      await transfer.until(new RegExp(`^mark ${++marks}$`));
    };
    for (const mtu of [1300, 1500, 1400, 1500]) {
      await set(mtu);
      await goesOn();
    }
    transfer.signal('SIGUSR2');
    assert.match(await transfer.until(/^\{/), /"intact":true/);
    for (const one of [peerA, peerB]) assert.equal((await one.end('SIGTERM')).code, 0);
    assert.match(peerA.output(), /a1 has the MTU 1300/);
  });

  test('an interface goes down and up again and again', { timeout: 45_000 }, async () => {
    const [a] = [await peer(lab.hostA), await peer(lab.hostB)];
    const stream = await client('stream');
    await paths(2, 2);
    for (let round = 1; round <= 3; round++) {
      ip('link', 'set', 'a1', 'down');
      await paths(0, 2);
      ip('link', 'set', 'a1', 'up');
      lab.restore('a1');
      // Both of its paths carry answers again: its packets are still read.
      await paths(2, 2);
      for (;;) {
        const own = statusOfA().paths.filter(({ tuple }) => tuple.source === '10.77.1.2');
        if (own.some(({ samples }) => samples > 0)) break;
        await setTimeout(100);
      }
    }
    stream.signal('SIGUSR2');
    assert.match(await stream.until(/^\{/), /"intact":true/);
    assert.equal((await a.end('SIGTERM')).code, 0);
  });

  test('without any interface it waits; without its device it ends with a sentence', { timeout: 45_000 }, async () => {
    const untouched = seen();
    const a = await peer(lab.hostA);
    ip('link', 'del', 'a1');
    ip('link', 'set', 'a2', 'down');
    await a.until(/a2 went down.*addresses now 10\.77\.2\.2\./);
    lab.linkUp('a2');
    await a.until(/a2 went up/);
    ip('rule', 'del', 'from', '10.77.1.2', 'lookup', '1');
    lab.link('a1');
    await a.until(/addresses now 10\.77\.1\.2 10\.77\.2\.2\./);
    ip('link', 'del', 'mpip0');
    await a.until(/Somebody removed the device mpip0; start the peer again\./);
    assert.equal((await a.finish()).code, 4);
    assert.equal(seen(), untouched);
  });
});
