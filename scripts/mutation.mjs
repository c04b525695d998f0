// npm run mutation [-- --runs N] [--seed N] [--file NAME] [--again]: mutation testing of src/endpoint with the cases of mpip check on the
// virtual clock as the tests. StrykerJS puts every mutant into one instrumented copy of the endpoint; each is switched on in
// turn and the cases that reach it are played until one fails. Writes docs/mutation.json and, by the reasons of
// mutation-reasons.yaml, docs/mutation.md. For whoever writes cases: --file tries the mutants of one file (mesh.ts) and prints
// those left, --runs a sample of N, the same for a seed; both write nothing. --again tries what was left the last time.
// `npm run generate mutation` writes the page when only a reason changed.
import { createHash } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, instrument } from './lib/mutation-build.mjs';
import { isFound, jsonOf, PAGE, pageOf, RESULTS, readResults } from './lib/mutation-page.mjs';
import { Player, Trial } from './lib/mutation-trial.mjs';
import { ROOT } from './lib/run.mjs';

const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    file: { type: 'string' },
    again: { type: 'boolean', default: false },
  },
});
const isTrial = values.runs !== undefined || values.file !== undefined;
const BUILD = join(ROOT, 'build-mutation', String(process.pid));
const COVERING = join(BUILD, 'covering.mjs');
const TRYING = join(BUILD, 'trying.mjs');

await tryAll();
if (!isTrial) writePage();

/** What was found is kept, even where a rule explains nothing any more. */
function writePage() {
  try {
    writeFileSync(join(ROOT, PAGE), pageOf(readResults()));
  } catch (error) {
    console.error(`${error.message} Mend it, then: npm run generate mutation`);
    process.exitCode = 1;
  }
}

async function tryAll() {
  const { mutants, contents } = await instrument();
  const source = createHash('sha256')
    .update([...contents.values()].join('\n'))
    .digest('hex');
  await bundle(contents, { covering: true, outfile: COVERING });
  await bundle(contents, { covering: false, outfile: TRYING });
  const covering = await new Player(COVERING).begin();
  const { atStart, tests } = await covering.ask('baseline', 600_000);
  await covering.end();
  const chosen = choose(values.again ? leftBefore(mutants, source) : mutants);
  console.log(
    `${mutants.length} mutants of src/endpoint, ${chosen.length} tried; ${tests.length} tests pass without any.`,
  );
  const results = await new Trial(TRYING, tests, new Set(atStart)).run(chosen);
  rmSync(BUILD, { recursive: true, force: true });
  if (isTrial) {
    if (values.file !== undefined) for (const one of results) if (!isFound(one)) console.log(inWords(one));
    return;
  }
  const before = values.again ? readResults() : undefined;
  writeFileSync(join(ROOT, RESULTS), jsonOf(results, { source, tests: tests.length, before }));
}

/** The mutants that were not found the last time, of the same sources. */
function leftBefore(mutants, source) {
  if (!existsSync(join(ROOT, RESULTS)) || readResults().source !== source) {
    console.error('src/endpoint is not what it was when docs/mutation.json was written: leave --again out.');
    process.exit(2);
  }
  const left = new Set(readResults().left.map(({ id }) => id));
  return mutants.filter(({ id }) => left.has(id));
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
