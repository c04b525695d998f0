import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeInLab } from '../support/lab-suite.js';
import { applicationOn, serveOn, withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

/**
 * A router that masquerades and has no further rule, as on most Linux boxes: what does not fit the sequence numbers that
 * it saw goes out untranslated, and is answered with RST coming in.
 */
const prepare = async (lab: NamespaceLab) => {
  for (const name of ['be_liberal', 'loose'])
    lab.exec(lab.router, 'sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_${name}=0`);
  lab.exec(lab.router, 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'rb+', '-j', 'MASQUERADE');
  lab.limitRate(20, ['a1', 'a2', 'b1', 'b2']);
  await serveOn(lab, lab.hostB);
};

describeInLab(
  'host A is behind a router that masquerades and lets out what does not fit',
  { commands: ['iptables'], prepare },
  (suite) => {
    for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
      test(`streams arrive whole, one after the other, with --${mode} (3.8.1, decision 57)`, async () => {
        const { lab } = suite;
        await withPair(lab, { mode }, async () => {
          for (let i = 0; i < 3; i++) {
            const report = await applicationOn(lab, lab.hostA, 'tcp', 1_500_000);
            assert.deepEqual(report, { received: 1_500_000, intact: true });
          }
        });
      });
  },
);
