import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgePackets, type PassiveVerdict } from '../../../src/conformance/passive/run.js';
import { JUDGED, mutantTraffic, type TrafficOptions } from '../../support/mutant-traffic.js';
import { runs } from '../../support/runs.js';
import { loadMutant, mutantNames } from '../mutant.js';
import { SHOWN } from './shown-by-mutants.js';

const failed = (verdicts: readonly PassiveVerdict[]) =>
  verdicts
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ predicate, finding, place }) => `${predicate.id}, frame ${place!.frame}: ${finding!.text}`);

for (const [name, predicates] of Object.entries(SHOWN)) {
  test(`the traffic of the mutant ${name} shows its defect`, async () => {
    assert.ok(mutantNames().includes(name));
    const mutant = await loadMutant(name);
    const { packets } = mutantTraffic({ mutant, ...(mutant.tcpMode === undefined ? {} : { tcpMode: mutant.tcpMode }) });
    const found = judgePackets(packets, { address: JUDGED });
    const ids = found.filter(({ verdict }) => verdict === 'fail').map(({ predicate }) => predicate.id);
    for (const id of predicates)
      assert.ok(ids.includes(id), `${id} does not fail; failed: ${ids.join(', ') || 'none'}`);
  });
}

test('the reference fails nothing: each TCP mode, with and without loss, several seeds', () => {
  const variants: TrafficOptions[] = [];
  for (const tcpMode of ['fake-tcp', 'udp-wrapper'] as const) {
    for (const loss of [0, 0.05]) {
      for (let seed = 1; seed <= runs(4).numRuns; seed++) variants.push({ tcpMode, loss, seed });
    }
  }
  for (const options of variants) {
    const found = judgePackets(mutantTraffic(options).packets);
    assert.deepEqual(failed(found), [], JSON.stringify(options));
    const judged = found.filter(({ verdict }) => verdict !== 'none').length;
    assert.ok(judged >= 30, `only ${judged} predicates had something to judge`);
  }
});
