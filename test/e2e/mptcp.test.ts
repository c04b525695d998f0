import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flags } from '../../src/codec/index.js';
import { captured, kernelCounters } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { TRAFFIC, withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

const APPLICATION = ['run', process.execPath, TRAFFIC];
const LENGTH = 8_000_000;

/** The kernels' MPTCP with a subflow from each address of A to each of B. */
const prepare = async (lab: NamespaceLab) => {
  for (const host of [lab.hostA, lab.hostB]) {
    lab.setKernel(host, 'net/mptcp/enabled', 1);
    lab.exec(host, 'ip', 'mptcp', 'limits', 'set', 'subflow', '8', 'add_addr_accepted', '8');
  }
  for (const address of ['10.77.1.2', '10.77.2.2'])
    lab.exec(lab.hostA, 'ip', 'mptcp', 'endpoint', 'add', address, 'subflow', 'fullmesh');
  lab.exec(lab.hostB, 'ip', 'mptcp', 'endpoint', 'add', '10.77.4.2', 'signal');
  await lab.start(lab.hostB, 'mptcpize', [...APPLICATION, 'serve', '0.0.0.0', '7000'], /serving/);
};

describeInLab("the kernels' MPTCP over MPIP", { commands: ['mptcpize'], prepare }, (suite) => {
  for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
    test(`each subflow is a session of its own, and the stream is intact, with --${mode} (3.8.4)`, async () => {
      const { lab } = suite;
      const joins = () => kernelCounters(lab, lab.hostB, 'MPTcpExt').MPJoinAckRx!;
      const before = joins();
      await withPair(lab, { mode }, async ({ a, b }) => {
        const wire = await captured(lab, `mptcp-${mode}`, async () => {
          const words = [...APPLICATION, 'tcp', '10.77.3.2', '7000', `${LENGTH}`];
          const report = JSON.parse(await lab.finish(lab.hostA, 'mptcpize', ...words));
          assert.deepEqual(report, { received: LENGTH, intact: true });
        });
        const subflows = 1 + joins() - before;
        assert.ok(subflows > 1, 'the kernels made one subflow only');
        for (const [side, node] of [
          ['a', a],
          ['b', b],
        ] as const) {
          const { sessions } = await node.status();
          const tuples = new Set(sessions.map(({ tuple }) => Object.values(tuple).join()));
          assert.equal(tuples.size, subflows, `sessions of ${side}: ${JSON.stringify(sessions)}`);
          assert.equal(new Set(sessions.map(({ sessionId }) => sessionId)).size, subflows);
        }
        const carrying = wire.rows('a').filter((row) => row['mpip.flags'] === Flags.normal);
        const ids = new Set(carrying.map((row) => row['mpip.session_id']));
        assert.ok(ids.size > 1, `sessions that carried data: ${[...ids]}`);
      });
    });
});
