import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captured } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { applicationOn, type LiveNode, LivePair, serveOn, until, withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

const LENGTH = 12_000_000;
const INTACT = { received: LENGTH, intact: true };

const prepare = async (lab: NamespaceLab) => {
  // A transfer takes long enough for something to happen in the middle of it.
  lab.limitRate(50, ['a1', 'a2', 'b1', 'b2']);
  await serveOn(lab, lab.hostB);
};

/** Waits until a node has sent so many packets with a CM. */
async function underway(node: LiveNode, packets = 1000): Promise<void> {
  await until('the transfer is under way', async () => (await node.status()).counters.cmSent >= packets);
}

describeInLab('what goes wrong in the middle of a transfer', { commands: ['iptables'], prepare }, (suite) => {
  for (const mode of ['fake-tcp', 'udp-wrapper'] as const) {
    test(`a peer that is killed and comes back with another node id: the stream is intact with --${mode}`, async () => {
      const { lab } = suite;
      await withPair(lab, { mode }, async ({ a, b }) => {
        const reboot = async () => {
          const transfer = applicationOn(lab, lab.hostA, 'tcp', LENGTH);
          await underway(a);
          const { nodeId } = await b.status();
          // Until it is back, nothing comes: segments with a CM are not for a kernel alone.
          lab.exec(lab.router, 'iptables', '-A', 'FORWARD', '-o', 'rb+', '-j', 'DROP');
          await b.kill();
          await b.start();
          lab.exec(lab.router, 'iptables', '-F', 'FORWARD');
          assert.notEqual((await b.status()).nodeId, nodeId);
          assert.deepEqual(await transfer, INTACT);
          assert.deepEqual(await applicationOn(lab, lab.hostA, 'udp', 20, 1000), { sent: 20, intact: 20 });
        };
        // The connection that was there goes by path id 0 until the node that is new has taken its session over.
        await captured(lab, `reboot-${mode}`, reboot, { tolerated: ['path-zero'] });
        assert.ok((await b.status()).counters.cmReceived > 0, 'the new node takes part');
      });
    });

    test(`both nodes start at once under a stream that goes on, and is intact with --${mode}`, async () => {
      const { lab } = suite;
      const transfer = applicationOn(lab, lab.hostA, 'tcp', LENGTH);
      await until('the transfer is under way', () => lab.octetsSent('b1') > 1_000_000);
      await withPair(lab, { mode }, async ({ a, b }) => {
        await underway(a, 1);
        assert.deepEqual(await transfer, INTACT);
        assert.ok((await a.status()).counters.cmReceived > 0 && (await b.status()).counters.cmReceived > 0);
      });
    });
  }

  test('garbage from strangers: both nodes live, stream and datagrams are intact', async () => {
    const { lab } = suite;
    await withPair(lab, {}, async ({ a, b }) => {
      const nodeId = Number.parseInt((await a.status()).nodeId.replace(':', ''), 16);
      const addresses = ['10.77.1.2', '10.77.2.2', '10.77.3.2', '10.77.4.2'];
      const words = ['build/test/support/stranger.js', '4000', `${nodeId}`, ...addresses];
      const disturb = async () => {
        const { sent } = JSON.parse(await lab.finish(lab.router, process.execPath, ...words)) as { sent: number };
        assert.ok(sent > 2000, `${sent} packets were sent`);
      };
      const transfer = applicationOn(lab, lab.hostA, 'tcp', LENGTH);
      await underway(a);
      await disturb();
      assert.deepEqual(await transfer, INTACT);
      // Not beside the stream, which fills the queues of the links.
      const datagrams = applicationOn(lab, lab.hostA, 'udp', 3000, 1000);
      await until('there are datagrams', async () =>
        (await a.status()).sessions.some(({ protocol }) => protocol === 17),
      );
      await disturb();
      // UDP may lose what finds a queue full of garbage; what the nodes themselves did to datagrams would show in far more.
      const { intact } = (await datagrams) as { intact: number };
      assert.ok(intact >= 2900, `${intact} of 3000 datagrams came back`);
      for (const node of [a, b]) assert.ok((await node.status()).counters.cmReceived > 0);
    });
  });

  // The last: the interface does not come back.
  test('an interface vanishes: the stream goes on by the others and is intact', async () => {
    const { lab } = suite;
    const pair = await new LivePair(lab).start();
    try {
      const transfer = applicationOn(lab, lab.hostA, 'tcp', LENGTH);
      await underway(pair.a);
      lab.exec(lab.hostA, 'ip', 'link', 'delete', 'a2');
      assert.deepEqual(await transfer, INTACT);
      await pair.a.status();
    } finally {
      await pair.stop();
    }
  });
});
