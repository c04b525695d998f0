import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { CASES } from '../../src/conformance/cases/index.js';
import { requirement } from '../../src/conformance/requirements.js';
import { IS_NIGHTLY } from '../support/runs.js';
import { CASE_IDS, committedMatrix, killRow } from './kill-matrix.js';
import { loadMutant, mutantNames } from './mutant.js';
import { complaints, play } from './reference-peer.js';

const names = mutantNames();
const matrix = committedMatrix();
const caseIds = new Set(CASE_IDS);
const covers = new Map(CASES.map(({ id, requirements }) => [id, requirements]));

/** Of so many mutants one is played against the whole suite; at night all are, and with further seeds. */
const SLICE = 12;
const SEEDS = IS_NIGHTLY ? [2, 3] : [];

test('there are mutants, each with what a reader has to know', async () => {
  assert.ok(names.length >= 60);
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

test('the committed table has every case and every mutant; npm run kill-matrix writes it', () => {
  assert.deepEqual([...matrix.cases], [...CASE_IDS]);
  assert.deepEqual(Object.keys(matrix.mutants).sort(), names);
});

test('every case finds the defect of at least one mutant', () => {
  const useful = new Set(Object.values(matrix.mutants).flatMap(({ killedBy }) => killedBy));
  assert.deepEqual(
    CASE_IDS.filter((id) => !useful.has(id)),
    [],
  );
});

test('every mutant is found, by a case about a requirement that it breaks and by none that it does not name', async () => {
  for (const name of names) {
    const { killedBy, requirements } = await loadMutant(name);
    const found = matrix.mutants[name]!.killedBy;
    assert.ok(
      found.some((id) => covers.get(id)!.some((covered) => requirements.includes(covered))),
      `${name}: no case about ${requirements.join(', ')} fails`,
    );
    for (const id of found) assert.ok(killedBy.includes(id), `${name}: ${id} fails, too`);
  }
});

test('every mutant fails one of its cases when that is played alone', async () => {
  const alive: string[] = [];
  for (const name of names) {
    const mutant = await loadMutant(name);
    const [id] = matrix.mutants[name]!.killedBy;
    const run = await play({ mutant, cases: CASES.filter((testCase) => testCase.id === id) });
    if (!complaints(run).includes(id!)) alive.push(`${name}: ${id}`);
  }
  assert.deepEqual(alive, []);
});

/** A number that is another one with each commit, so that in time every row has its turn. */
function turn(): number {
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
  return Number.parseInt(stdout.slice(0, 8) || '0', 16);
}

const first = turn() % SLICE;
for (const name of names.filter((_name, i) => IS_NIGHTLY || i % SLICE === first)) {
  test(`mutant ${name} fails the cases that the committed table says`, async () => {
    const mutant = await loadMutant(name);
    assert.deepEqual(await killRow(mutant), matrix.mutants[name], 'run npm run kill-matrix and look at the difference');
    for (const seed of SEEDS) {
      const run = await play({ mutant, seed });
      const ids = complaints(run);
      assert.ok(ids.length > 0, `seed ${seed}: no case fails`);
      for (const id of ids) assert.ok(mutant.killedBy.includes(id), `seed ${seed}: ${id} fails, too`);
      assert.equal(run.counts.error, 0);
    }
  });
}
