import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captured } from '../support/lab-capture.js';
import { describeInLab } from '../support/lab-suite.js';
import { withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

/** Megabits per second that this machine carries also when it has much else to do. */
const SLOW = 10;
const FAST = 50;

const prepare = async (lab: NamespaceLab) => {
  await lab.start(lab.hostB, 'iperf3', ['--server', '--forceflush'], /^Server listening/);
};

describeInLab('interfaces of different rates', { commands: ['iperf3'], prepare }, (suite) => {
  for (const [shaper, slow, fast] of [
    ['tbf', 'a2', 'a1'],
    ['htb', 'a1', 'a2'],
  ] as const)
    test(`a transfer ends, and ${fast} carries more of it than the slower ${slow} (${shaper})`, async () => {
      const { lab } = suite;
      lab.limitRate(FAST, ['b1', 'b2', fast], shaper);
      lab.limitRate(SLOW, [slow], shaper);
      await withPair(lab, {}, async () => {
        const before = { slow: lab.octetsSent(slow), fast: lab.octetsSent(fast) };
        const wire = await captured(lab, `rates-${shaper}`, async () => {
          await lab.finish(lab.hostA, 'iperf3', '-c', '10.77.3.2', '-C', 'cubic', '-n', '12M');
        });
        // Both hosts' kernels have one clock, and nothing between them loses or queues: what is shaped waits before it is captured.
        const paths = wire.pairs().filter((path) => path.packets >= 50);
        assert.ok(paths.length >= 4, `${paths.length} paths were seen at both hosts`);
        for (const path of paths) {
          assert.equal(path.lost, 0, JSON.stringify(path));
          assert.ok(path.delay.mean > 0 && path.delay.mean < 20_000, JSON.stringify(path));
        }
        const bySlow = lab.octetsSent(slow) - before.slow;
        const byFast = lab.octetsSent(fast) - before.fast;
        assert.ok(bySlow + byFast > 12 * 2 ** 20);
        assert.ok(bySlow > 0 && byFast > bySlow, `${byFast} octets by ${fast}, ${bySlow} by ${slow}`);
      });
      lab.unlimitRates();
    });
});
