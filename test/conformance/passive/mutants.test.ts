import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgePackets, type PassiveVerdict } from '../../../src/conformance/passive/run.js';
import { JUDGED, mutantTraffic, type TrafficOptions } from '../../support/mutant-traffic.js';
import { runs } from '../../support/runs.js';
import { loadMutant, mutantNames } from '../mutant.js';

/** What ordinary traffic of each defective peer shows: the predicates that fail on it. */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  'clock-in-milliseconds': ['FB-passive-clock'],
  'clock-stands-still': ['FB-passive-clock'],
  'empty-address-list': ['CM-passive-address-list'],
  'heartbeat-for-every-packet': ['HB-passive-not-beside-feedback'],
  'heartbeat-without-feedback': ['HB-passive-feedback'],
  'heartbeats-when-idle': ['HB-passive-only-in-reaction'],
  'never-confirms': ['AV-passive-confirms-queries'],
  'node-id-changes-with-time': ['NID-passive-constant'],
  'node-id-differs-in-confirmations': ['NID-passive-constant'],
  'one-session-id-for-all': ['SS-passive-one-session-per-id'],
  'queries-after-confirmation': ['AV-passive-no-query-once-enabled'],
  'queries-for-ever': ['AV-passive-query-limit'],
  'query-copy-with-other-user-data': ['AV-passive-query-copies-a-packet'],
  'session-per-packet': ['SS-passive-new-id-for-new-session-only'],
  'sessions-never-expire': ['SS-passive-expiry'],
  'tcp-confirms-at-once': ['AV-passive-confirm-copies-a-segment'],
  'tcp-copies-have-another-sequence': ['AV-passive-query-copies-a-packet', 'AV-passive-confirm-copies-a-segment'],
  'two-trailers': ['CM-passive-one-trailer'],
};

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
