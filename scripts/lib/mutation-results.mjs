// The results of npm run mutation, docs/mutation.json: what was tried with which tests, and each mutant that no case found.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileOf } from './mutation-registry.mjs';
import { ROOT } from './run.mjs';

export const RESULTS = 'docs/mutation.json';

/** Milliseconds of own tests that are played for a mutant; some tests are, whatever they take. */
export const MOST_OWN_MS = 400;

/** What becomes of a mutant, in the order of the columns. */
export const STATUSES = ['killed', 'timeout', 'inconclusive', 'survived', 'uncovered'];

/** Whether a test has found a mutant. */
export function isFound({ status }) {
  return status === 'killed' || status === 'timeout';
}

/**
 * What the last runs found: `files`, how often what became of the mutants of a file, and `left`, each mutant that no case found,
 * with `own`, what became of it with the own tests, once they were played: then `ownTests` says how many there were.
 */
export function readResults() {
  return resultsOf(readFileSync(join(ROOT, RESULTS), 'utf8'));
}

export function resultsOf(json) {
  const { left, ...rest } = JSON.parse(json);
  const mutants = Object.entries(left).flatMap(([at, rows]) => {
    const [file, place] = at.split(' ');
    return rows.map(([id, status, mutator, original, replacement, own]) => {
      return { file, place, id, status, mutator, original, replacement, own: ownOf(own) };
    });
  });
  return { ...rest, left: mutants };
}

/** Of a mutant that was found the word is the file of the test, or its status when no test was needed. */
function ownOf(word) {
  if (word === undefined) return undefined;
  if (STATUSES.includes(word)) return { status: word };
  return { status: 'killed', by: word };
}

/** The text of docs/mutation.json: a line for each mutant that was not found, by file and place. */
export function jsonOf({ source, tests, ownTests, files, left }) {
  const rows = Object.entries(files).map((row) => `    ${row.map((part) => JSON.stringify(part)).join(': ')}`);
  const places = new Map();
  for (const { file, place, id, status, mutator, original, replacement, own } of left) {
    const word = own === undefined ? [] : [own.by ?? own.status];
    const row = `      ${JSON.stringify([id, status, mutator, original, replacement, ...word])}`;
    const at = `${file} ${place}`;
    const others = places.get(at);
    if (others === undefined) places.set(at, [row]);
    else others.push(row);
  }
  const blocks = [...places].map(([at, own]) => `    ${JSON.stringify(at)}: [\n${own.join(',\n')}\n    ]`);
  return [
    `{\n  "source": "${source}",\n  "tests": ${tests},`,
    ...(ownTests === undefined ? [] : [`  "ownTests": ${ownTests},`]),
    `  "files": {\n${rows.join(',\n')}\n  },`,
    `  "left": {\n${blocks.join(',\n')}\n  }\n}\n`,
  ].join('\n');
}

/**
 * The results with those of the cases. `isAgain`: what was found `before`, in the same sources, stays found. What the own tests
 * found of a mutant counts for as long as it reads the same.
 */
export function withCases(before, results, { source, tests, isAgain }) {
  const files = new Map();
  const note = (file, status, count) => {
    const counts = files.get(file) ?? Object.fromEntries(STATUSES.map((one) => [one, 0]));
    counts[status] += count;
    files.set(file, counts);
  };
  for (const { file, status } of results) note(file, status, 1);
  for (const [file, { killed, timeout }] of Object.entries((isAgain && before?.files) || {})) {
    note(file, 'killed', killed);
    note(file, 'timeout', timeout);
  }
  const left = results.filter((one) => !isFound(one));
  const keyOf = keyFor(before, source);
  const unique = uniqueBy(left, keyOf);
  const known = uniqueBy(before?.left ?? [], keyOf);
  return {
    source,
    tests,
    ownTests: before?.ownTests,
    files: Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1))),
    left: left.map((one) => ({ ...one, own: unique.get(keyOf(one)) && known.get(keyOf(one))?.own })),
  };
}

/** What tells mutants of sources from each other as those of the results do: ids are those of the same sources. */
export function keyFor(before, source) {
  return before?.source === source ? ({ id }) => id : textOf;
}

/** What a mutant does, and where. */
function textOf({ file, place, mutator, original, replacement }) {
  return [file, place, mutator, original, replacement].join('\n');
}

/** The mutants whose key no other has, by it. */
function uniqueBy(mutants, keyOf) {
  const found = new Map();
  for (const one of mutants) found.set(keyOf(one), found.has(keyOf(one)) ? undefined : one);
  return found;
}

/** The results with those of the own tests, each of the mutants that are left by the cases. */
export function withOwn(before, results, ownTests) {
  const own = new Map(
    results.map(({ id, status, by }) => [id, by === undefined ? { status } : { status, by: fileOf(by) }]),
  );
  const left = before.left.map((mutant) => ({ ...mutant, own: own.get(mutant.id) ?? mutant.own }));
  return { ...before, ownTests, left };
}
