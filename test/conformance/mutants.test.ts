import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASES } from '../../src/conformance/cases/index.js';
import { requirement } from '../../src/conformance/requirements.js';
import { loadMutant, mutantNames } from './mutant.js';
import { complaints, play } from './reference-peer.js';

const SEEDS = [1, 2];
const names = mutantNames();
const caseIds = new Set(CASES.map(({ id }) => id));

test('there are mutants, each with what a reader has to know', async () => {
  assert.ok(names.length >= 20);
  for (const name of names) {
    const mutant = await loadMutant(name);
    assert.equal(mutant.name, name);
    assert.match(name, /^[a-z]+(-[a-z]+)+$/);
    assert.match(mutant.defect, /^[A-Z].*\.$/, name);
    assert.ok(mutant.requirements.length > 0, name);
    for (const id of mutant.requirements) assert.ok(requirement(id), `${name} breaks ${id}`);
    assert.ok(mutant.killedBy.length > 0, name);
    for (const id of mutant.killedBy) assert.ok(caseIds.has(id), `${name} is killed by ${id}`);
  }
});

test('every case finds the defect of at least one mutant', async () => {
  const useful = new Set<string>();
  for (const name of names) for (const id of (await loadMutant(name)).killedBy) useful.add(id);
  assert.deepEqual(
    [...caseIds].filter((id) => !useful.has(id)),
    [],
  );
});

for (const name of names) {
  test(`mutant ${name} fails a case about its defect and no other`, async () => {
    const mutant = await loadMutant(name);
    const found = new Set<string>();
    for (const seed of SEEDS) {
      const run = await play({ mutant, seed });
      const ids = complaints(run);
      assert.ok(ids.length > 0, `seed ${seed}: no case fails`);
      for (const id of ids) {
        found.add(id);
        assert.ok(mutant.killedBy.includes(id), `seed ${seed}: ${id} fails, too: ${causeOf(run, id)}`);
      }
      assert.equal(run.counts.error, 0);
    }
  });
}

function causeOf(run: Awaited<ReturnType<typeof play>>, id: string): string {
  return run.cases.find((result) => result.id === id)!.cause.text;
}
