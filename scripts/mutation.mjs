// npm run mutation [-- --own] [--again] [--runs N] [--seed N] [--file NAME] [--tests PATTERN]: mutation testing of src/endpoint. StrykerJS
// puts every mutant into one instrumented copy of the endpoint; each is switched on in turn and the tests that reach it are played
// until one fails. The tests are the cases of mpip check on the virtual clock; with --own they are the endpoint's own tests, and the
// mutants those that no case found. Writes docs/mutation.json and, with the reasons of mutation-reasons.yaml, docs/mutation.md.
// For whoever writes cases or tests: --file tries the mutants of one file (mesh.ts) and prints those left, --runs a sample of N, the
// same for a seed, --tests (once or more often) only own tests whose path has PATTERN in it; all three write nothing. --again tries what was left
// the last time; --own ends at Ctrl+C with what it has tried, and --own --again goes on. `npm run generate mutation` writes the page
// when only a reason changed.
import { createHash } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, instrument, NOT_VIRTUAL, ownTestFiles } from './lib/mutation-build.mjs';
import { PAGE, pageOf } from './lib/mutation-page.mjs';
import {
  isFound,
  jsonOf,
  keyFor,
  MOST_OWN_MS,
  RESULTS,
  readResults,
  withCases,
  withOwn,
} from './lib/mutation-results.mjs';
import { Player, Trial } from './lib/mutation-trial.mjs';
import { ROOT } from './lib/run.mjs';

/** Milliseconds that an own test may take. */
const LONGEST_OWN_MS = 2500;

const { values } = parseArgs({
  options: {
    own: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    runs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    file: { type: 'string' },
    tests: { type: 'string', multiple: true },
  },
});
const isTrial = values.runs !== undefined || values.file !== undefined || values.tests !== undefined;
const BUILD = join(ROOT, 'build-mutation', String(process.pid));
const COVERING = join(BUILD, 'covering.mjs');
const TRYING = join(BUILD, 'trying.mjs');
// Property tests run as often as in npm test, with the same seed.
delete process.env.MPIP_NIGHTLY;
delete process.env.MPIP_SEED;

const { mutants, contents } = await instrument();
const source = createHash('sha256')
  .update([...contents.values()].join('\n'))
  .digest('hex');
const before = existsSync(join(ROOT, RESULTS)) ? readResults() : undefined;
if (before?.source !== source && (values.own || values.again) && !isTrial) {
  console.error('src/endpoint is not what it was when docs/mutation.json was written: npm run mutation comes first.');
  process.exit(2);
}
const chosen = choose(mutantsToTry());
const { tests, atStart } = await (values.own ? buildOwn() : buildCases());
console.log(
  `${mutants.length} mutants of src/endpoint, ${chosen.length} tried; ${tests.length} tests pass without any.`,
);
// Whoever names tests waits for them.
const mostMs = values.own && values.tests === undefined ? MOST_OWN_MS : undefined;
const trial = new Trial(TRYING, { tests, atStart, mostMs });
// The own tests may go on later, with --again.
if (values.own) process.once('SIGINT', () => trial.stop());
const results = await trial.run(chosen);
rmSync(BUILD, { recursive: true, force: true });
if (!isTrial) write();
else if (values.runs === undefined) for (const one of results) if (!isFound(one)) console.log(inWords(one));

/** All, or those that were left: by the cases, or by the own tests. */
function mutantsToTry() {
  if (!values.own && !values.again) return mutants;
  const isLeft = ({ own }) => !values.own || !values.again || own === undefined || !isFound(own);
  const keyOf = keyFor(before, source);
  const left = new Set(before?.left.filter(isLeft).map(keyOf));
  return mutants.filter((mutant) => left.has(keyOf(mutant)));
}

async function buildCases() {
  await bundle(contents, { player: 'cases', covering: true, outfile: COVERING });
  await bundle(contents, { player: 'cases', covering: false, outfile: TRYING });
  return await baseline(COVERING);
}

/**
 * The own tests with what they reach. Those that pass twice: in order, and in the opposite order, counting. One that takes
 * too long is not played again.
 */
async function buildOwn() {
  const own = ownTestFiles(values.tests);
  await bundle(contents, { player: 'own', own, covering: false, outfile: TRYING });
  await bundle(contents, { player: 'own', own, covering: true, outfile: COVERING });
  for (const [path, why] of Object.entries(NOT_VIRTUAL)) console.log(`Left out: ${path} ${why}.`);
  const timed = await baseline(TRYING);
  const light = timed.tests.filter(({ ms }) => ms <= LONGEST_OWN_MS);
  const counted = await baseline(COVERING, light.map(({ id }) => id).reverse());
  for (const id of timed.failing) console.log(`Left out: ${id} fails without any mutant.`);
  for (const id of counted.failing) console.log(`Left out: ${id} fails after others.`);
  const heavy = timed.tests.filter((test) => !light.includes(test));
  for (const { id, ms } of heavy) console.log(`Left out: ${id} takes ${Math.round(ms)} ms.`);
  const ms = new Map(light.map((test) => [test.id, test.ms]));
  return { atStart: counted.atStart, tests: counted.tests.map((test) => ({ ...test, ms: ms.get(test.id) })) };
}

async function baseline(path, ids) {
  const player = await new Player(path).begin();
  const answer = await player.baseline(ids);
  await player.end();
  return answer;
}

/** What was found is kept, even where a rule explains nothing any more. */
function write() {
  const now = values.own
    ? withOwn(before, results, tests.length)
    : withCases(before, results, { source, tests: tests.length, isAgain: values.again });
  writeFileSync(join(ROOT, RESULTS), jsonOf(now));
  try {
    writeFileSync(join(ROOT, PAGE), pageOf(now));
  } catch (error) {
    console.error(`${error.message} Mend it, then: npm run generate mutation`);
    process.exitCode = 1;
  }
}

function inWords({ place, status, mutator, original, replacement }) {
  return `${place}, ${status} (${mutator}):\n    ${original}\n    ${replacement}`;
}

/** The mutants that are asked for: of one file, a number of them by a seeded shuffle, in their order. */
function choose(all) {
  const { file, runs, seed } = values;
  const own = file === undefined ? all : all.filter((mutant) => mutant.file === file);
  if (runs === undefined) return own;
  let state = Number(seed) >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return own
    .map((mutant) => ({ mutant, at: next() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, Number(runs))
    .map(({ mutant }) => mutant)
    .sort((a, b) => a.id - b.id);
}
