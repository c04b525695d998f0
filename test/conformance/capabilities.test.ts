import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CAPABILITY_NAMES, type Capability } from '../../src/conformance/capabilities.js';
import { CASES } from '../../src/conformance/cases/index.js';
import type { ReferenceHost } from '../../src/endpoint/index.js';
import { loadMutant } from './mutant.js';
import { PEER_ADDRESSES, type PlayOptions, play } from './reference-peer.js';

/** A peer that lacks what it is declared to support, capability by capability. */
const LACKING: Readonly<Record<Capability, () => Promise<PlayOptions>>> = {
  tcp: async () => ({ mutant: await loadMutant('tcp-is-left-alone') }),
  'fake-tcp': async () => ({ tcpMode: 'udp-wrapper' }),
  'udp-wrapper': async () => ({ tcpMode: 'fake-tcp' }),
  reordering: async () => ({ reordering: false }),
  'several-addresses': async () => ({ addresses: PEER_ADDRESSES.slice(0, 1) }),
  'address-change': async () => ({ mutant: await both('ignores-ip-change', 'changes-without-flag') }),
  rules: async () => ({
    mutant: {
      apply: ({ endpoint }) => {
        endpoint.setRules = () => {};
      },
    },
  }),
};

/** Two defects in one peer. */
async function both(...names: readonly string[]) {
  const mutants = await Promise.all(names.map(loadMutant));
  return {
    apply: (host: ReferenceHost) => {
      for (const mutant of mutants) mutant.apply(host);
    },
  };
}

/** Everything at once but what cannot be: a peer carries TCP on other paths in one of two ways. */
function declaredWith(capability: Capability): ReadonlySet<Capability> {
  const other = capability === 'udp-wrapper' ? 'fake-tcp' : 'udp-wrapper';
  return new Set(CAPABILITY_NAMES.filter((name) => name !== other));
}

for (const capability of CAPABILITY_NAMES) {
  const needing = CASES.filter((testCase) => testCase.capabilities?.includes(capability));

  test(`${capability}, not declared: every case that needs it is not applicable for that reason, and no other is`, async () => {
    assert.ok(needing.length > 0);
    const capabilities = new Set(CAPABILITY_NAMES.filter((name) => name !== capability));
    const others = CASES.filter((testCase) => testCase.capabilities !== undefined && !needing.includes(testCase));
    for (const { id, verdict, cause } of (await play({ cases: needing, capabilities })).cases) {
      assert.deepEqual([verdict, cause.code], ['not-applicable', 'pics'], id);
      assert.ok(cause.text.includes(` ${capability}:`), cause.text);
    }
    const run = await play({ cases: others.slice(0, 3), capabilities });
    for (const { id, cause } of run.cases) assert.notEqual(cause.code, 'pics', id);
  });

  test(`${capability}, declared and missing: a case that needs it fails, and none says not applicable`, async () => {
    const options = await LACKING[capability]();
    const capabilities = declaredWith(capability);
    const cases = needing.filter((testCase) => testCase.capabilities?.every((name) => capabilities.has(name)));
    const run = await play({ ...options, cases, capabilities });
    const verdicts = run.cases.map(({ id, verdict, cause }) => `${id} ${verdict} ${cause.code}`);
    assert.ok(run.counts.fail > 0, verdicts.join('\n'));
    assert.equal(run.counts.error, 0, verdicts.join('\n'));
    const excused = run.cases.filter(({ verdict, cause }) => verdict === 'not-applicable' && cause.code !== 'pics');
    assert.deepEqual(excused, []);
  });
  test(`${capability}, not declared and missing: no case of the whole suite fails for it`, async () => {
    const options = await LACKING[capability]();
    // What carries TCP in the one way is not declared to do so in the other.
    const unused = capability === 'fake-tcp' ? 'fake-tcp' : 'udp-wrapper';
    const capabilities = new Set(CAPABILITY_NAMES.filter((name) => name !== capability && name !== unused));
    const run = await play({ ...options, capabilities });
    const found = run.cases.filter(({ verdict }) => verdict === 'fail' || verdict === 'error');
    assert.deepEqual(
      found.map(({ id, cause }) => `${id}: ${cause.text}`),
      [],
    );
  });
}
