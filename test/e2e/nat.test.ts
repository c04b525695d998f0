import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flags } from '../../src/codec/index.js';
import { type Captured, captured } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { applicationOn, serveOn, withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

/** A router that tracks connections, replaces addresses, and lets nothing in that was not asked for. */
const prepare = async (lab: NamespaceLab) => {
  const rule = (...words: string[]) => lab.exec(lab.router, 'iptables', ...words);
  rule('-t', 'nat', '-A', 'POSTROUTING', '-o', 'rb+', '-j', 'MASQUERADE');
  rule('-A', 'FORWARD', '-i', 'rb+', '-m', 'conntrack', '--ctstate', 'NEW', '-j', 'DROP');
  // It looks at flags, not at windows: a path sees acknowledgements of data that went by others.
  lab.setKernel(lab.router, 'net/netfilter/nf_conntrack_tcp_be_liberal', 1);
  await serveOn(lab, lab.hostB);
};

/** The tuples by which a host sent user data with a CM. */
function ways(wire: Captured, side: 'a' | 'b'): string[] {
  const own = side === 'a' ? ['10.77.1.2', '10.77.2.2'] : ['10.77.3.2', '10.77.4.2'];
  const rows = wire.rows(side).filter((row) => row['mpip.flags'] === Flags.normal && own.includes(`${row['ip.src']}`));
  return [
    ...new Set(rows.map((row) => `${row['ip.src']} > ${row['ip.dst']}:${row['udp.dstport'] ?? row['tcp.dstport']}`)),
  ];
}

describeInLab('host A is behind a router that masquerades', { commands: ['iptables'], prepare }, (suite) => {
  for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
    test(`a stream uses every path and is intact with --${mode}`, async () => {
      const { lab } = suite;
      await withPair(lab, { mode }, async () => {
        const wire = await captured(lab, `nat-tcp-${mode}`, async () => {
          const report = await applicationOn(lab, lab.hostA, 'tcp', 4_000_000);
          assert.deepEqual(report, { received: 4_000_000, intact: true });
        });
        assert.deepEqual(ways(wire, 'a').length, 4);
        // Back to the addresses and ports that the router gave.
        const back = ways(wire, 'b');
        assert.ok(back.length >= 4, `${back}`);
        assert.ok(
          back.every((way) => /> 10\.77\.[34]\.1:/.test(way)),
          `${back}`,
        );
      });
    });

  test('datagrams are intact as soon as the ways that the router refuses are given up', async () => {
    const { lab } = suite;
    await withPair(lab, {}, async () => {
      const wire = await captured(lab, 'nat-udp', async () => {
        const { sent, intact } = (await applicationOn(lab, lab.hostA, 'settle', 150, 1200)) as Record<string, number>;
        assert.ok(intact! >= 150 && intact! <= sent!);
      });
      assert.equal(wire.shares('a', 17).size, 4);
    });
  });
});
