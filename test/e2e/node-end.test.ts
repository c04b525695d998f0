import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeInLab } from '../support/lab-suite.js';
import { applicationOn, type LivePair, serveOn, TRAFFIC, until, withPair } from '../support/live-pair.js';
import type { NamespaceLab } from '../support/namespaces.js';

const LENGTH = 6_000_000;
const INTACT = { received: LENGTH, intact: true };

const prepare = async (lab: NamespaceLab) => {
  lab.limitRate(50, ['a1', 'a2', 'b1', 'b2']);
  await serveOn(lab, lab.hostB);
};

/** Waits until a stream uses every path. */
async function spread(pair: LivePair): Promise<void> {
  await until('the stream uses four paths', async () => {
    const { paths } = await pair.a.status();
    return paths.filter(({ samples, octetsSent }) => samples > 0 && octetsSent > 0).length === 4;
  });
}

describeInLab('a node ends under open connections of its host', { prepare }, (suite) => {
  for (const mode of ['fake-tcp', 'udp-wrapper'] as const)
    for (const which of ['a', 'b'] as const) {
      test(`in order (node ${which}, --${mode}): the stream goes on and is intact`, async () => {
        const { lab } = suite;
        await withPair(lab, { mode }, async (pair) => {
          const transfer = applicationOn(lab, lab.hostA, 'tcp', LENGTH);
          await spread(pair);
          await pair[which].stop();
          assert.doesNotMatch(pair[which].output, /noticed/);
          assert.deepEqual(await transfer, INTACT);
          assert.deepEqual(await applicationOn(lab, lab.hostA, 'tcp', LENGTH), INTACT, 'and so is the next one');
        });
      });

      if ((mode === 'fake-tcp') === (which === 'b'))
        test(`killed (node ${which}, --${mode}): the stream goes on and is intact`, async () => {
          const { lab } = suite;
          await withPair(lab, { mode }, async (pair) => {
            const transfer = applicationOn(lab, lab.hostA, 'tcp', LENGTH);
            await spread(pair);
            await pair[which].kill();
            assert.deepEqual(await transfer, INTACT);
            assert.deepEqual(await applicationOn(lab, lab.hostA, 'tcp', LENGTH), INTACT, 'and so is the next one');
          });
        });
    }

  test('an idle connection outlives the nodes at both ends, and a node that comes back takes it over', async () => {
    const { lab } = suite;
    await withPair(lab, {}, async (pair) => {
      const talk = await lab.start(lab.hostA, process.execPath, [TRAFFIC, 'talk', '10.77.3.2', '7000'], /connected/);
      let lines = 0;
      const say = async () => {
        lines++;
        talk.signal('SIGUSR1');
        await talk.until(new RegExp(`^answer ${lines}$`));
      };
      for (let i = 0; i < 10; i++) await say();
      await pair.b.stop();
      assert.doesNotMatch(pair.b.output, /noticed/);
      for (let i = 0; i < 3; i++) await say();
      await pair.b.start();
      for (let i = 0; i < 3; i++) await say();
      await until('the connection goes by the nodes again', async () => {
        await say();
        return (await pair.b.status()).sessions.some(({ protocol }) => protocol === 6);
      });
      await pair.b.kill();
      for (let i = 0; i < 3; i++) await say();
      await pair.a.stop();
      for (let i = 0; i < 3; i++) await say();
      talk.signal('SIGUSR2');
      await talk.finish();
    });
  });
});
