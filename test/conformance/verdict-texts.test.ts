import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASES } from '../../src/conformance/cases/index.js';
import { committedMatrix } from './kill-matrix.js';
import { loadMutant, mutantNames } from './mutant.js';
import { play } from './reference-peer.js';

const matrix = committedMatrix();

/** What is wrong with the verdict of a failing case; empty when a person can work with it. */
function faults(result: Awaited<ReturnType<typeof play>>['cases'][number]): string[] {
  const { cause, evidence } = result;
  const found: string[] = [];
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(cause.code)) found.push('code');
  if (!/^[A-Z0-9].*[.?!]$/s.test(cause.text)) found.push('sentences');
  if (/undefined|NaN|\[object|null/.test(cause.text)) found.push('placeholder');
  if (cause.expected !== undefined && !cause.text.includes(`xpected ${cause.expected}`))
    found.push('expected not told');
  if (cause.seen !== undefined && !cause.text.toLowerCase().includes(`seen ${cause.seen}`.toLowerCase()))
    found.push('seen not told');
  if (cause.packet === undefined && cause.expected === undefined && cause.seen === undefined)
    found.push('no packet, nothing expected or seen');
  if (cause.packet !== undefined && !evidence.frames.includes(cause.packet.frame)) found.push('frame');
  if (cause.packet?.field !== undefined && cause.packet.octet === undefined) found.push('octet');
  return found;
}

test('every failing verdict has a cause, whole sentences that tell what it names, and the frame and octet that decided', async () => {
  const wrong: string[] = [];
  let failed = 0;
  for (const name of mutantNames()) {
    const mutant = await loadMutant(name);
    const [id] = matrix.mutants[name]!.killedBy;
    const run = await play({ mutant, cases: CASES.filter((testCase) => testCase.id === id) });
    for (const result of run.cases) {
      if (result.verdict !== 'fail') continue;
      failed++;
      const found = faults(result);
      if (found.length > 0) wrong.push(`${name} ${id} ${found.join(', ')}: ${JSON.stringify(result.cause.text)}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(failed > 150, `${failed} verdicts were looked at`);
});
