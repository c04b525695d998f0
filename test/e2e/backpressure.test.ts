import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { describeInLab } from '../support/lab-suite.js';
import { withPair } from '../support/live-pair.js';
import type { Device, NamespaceLab } from '../support/namespaces.js';

const prepare = async (lab: NamespaceLab) => {
  lab.switchOffloadsOff();
  lab.limitRate(10, ['a1', 'a2']);
};

describeInLab('more than the interfaces send', { commands: ['iperf3'], prepare }, (suite) => {
  for (const scheduler of ['paper', 'earliest'])
    test(`the host's datagrams wait for the interfaces and none is lost in their queues (${scheduler})`, async () => {
      const { lab } = suite;
      await lab.start(lab.hostB, 'iperf3', ['--server', '--forceflush', '--one-off'], /^Server listening/);
      await withPair(lab, { args: ['--scheduler', scheduler] }, async () => {
        const before = dropped(lab);
        // Five times what the interfaces carry.
        await lab.finish(lab.hostA, 'iperf3', '-c', '10.77.3.2', '-u', '-b', '100M', '-l', '1400', '-t', '3');
        await setTimeout(200);
        assert.deepEqual(dropped(lab), before);
        for (const device of ['a1', 'a2'] as const)
          assert.ok(lab.octetsSent(device) > 1e6, `${device} sent ${lab.octetsSent(device)} octets`);
      });
    });
});

/** Packets that the queues of A's interfaces dropped. */
function dropped(lab: NamespaceLab): number[] {
  return (['a1', 'a2'] satisfies Device[]).map((device) =>
    Number(/dropped (\d+)/.exec(lab.exec(lab.hostA, 'tc', '-s', 'qdisc', 'show', 'dev', device))![1]),
  );
}
