import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IS_NIGHTLY, SEED } from '../support/runs.js';
import { defectNames, loadDefect } from './defect.js';
import { discover } from './proof.js';

/** Those that need long runs or a soak are looked for at night. */
const SLOW = new Set(['crash-on-address-count', 'feedback-of-all-nodes-shares-rows', 'slower-with-every-packet']);
/** Exchanges of one search at most; a search ends with its first finding. */
const MOST_RUNS = 5000;

test('there are at least thirty planted defects, each named for what it is', async () => {
  const names = defectNames();
  assert.ok(names.length >= 30, `${names.length}`);
  for (const name of names) assert.equal((await loadDefect(name)).name, name);
});

for (const name of defectNames()) {
  // Found too, in more time than a test may take: at night.
  if (SLOW.has(name) && !IS_NIGHTLY) continue;
  test(`the fuzzer finds from a cold start: ${name}`, async () => {
    const { group, messages } = await discover(await loadDefect(name), SEED, MOST_RUNS);
    assert.ok(group !== undefined, `nothing found after ${messages} packets`);
  });
}
