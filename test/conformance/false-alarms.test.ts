import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkOptions } from '../../src/sim/network.js';
import { IS_NIGHTLY, SEED } from '../support/runs.js';
import { play } from './reference-peer.js';

/** A bad network: one datagram in twenty is lost, each comes up to 50 ms later than it might, some are overtaken or doubled. */
const BAD_NETWORK: LinkOptions = {
  loss: 0.05,
  jitterMicros: 50_000,
  reordering: 0.05,
  reorderingMicros: 20_000,
  duplication: 0.02,
};

/** Runs of the whole suite. */
const RUNS = IS_NIGHTLY ? 1000 : 2;

test('through a network that loses, delays, reorders and doubles, the reference fails nothing and nearly every pass stays', async () => {
  const without = await play();
  const passed = new Set(without.cases.filter(({ verdict }) => verdict === 'pass').map(({ id }) => id));
  let stayed = 0;
  for (let i = 0; i < RUNS; i++) {
    const seed = (SEED + i) % 2 ** 31;
    const run = await play({ seed, network: BAD_NETWORK });
    for (const { id, verdict, cause, warnings } of run.cases) {
      assert.notEqual(verdict, 'fail', `seed ${seed}: ${id}: ${cause.text}`);
      assert.notEqual(verdict, 'error', `seed ${seed}: ${id}: ${cause.text}`);
      assert.deepEqual(warnings, [], `seed ${seed}: ${id}`);
      if (verdict === 'pass' && passed.has(id)) stayed++;
    }
  }
  const share = stayed / (RUNS * passed.size);
  assert.ok(share >= 0.95, `only ${(100 * share).toFixed(1)} % of the passes stayed`);
});

test('the same seed gives the same verdicts through a bad network, octet for octet', async () => {
  const once = JSON.stringify(await play({ seed: 77, network: BAD_NETWORK }));
  assert.equal(JSON.stringify(await play({ seed: 77, network: BAD_NETWORK })), once);
});
