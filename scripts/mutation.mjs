// npm run mutation [-- --runs N] [--seed N] [--all]: mutation testing of src/endpoint with the cases of mpip check on the
// virtual clock as the tests. StrykerJS puts every mutant into one instrumented copy of the endpoint; each is switched on in
// turn and the cases that reach it are played until one fails. A sample of N (default 300), the same for a seed, is tried;
// --all tries every one. Writes docs/mutation.md and docs/mutation.json: score by file, and the survivors.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { build } from 'esbuild';
import { createInjector } from 'typed-inject';
import { filesBelow, ROOT } from './lib/run.mjs';

const value = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const runs = value('runs', 300);
const seed = value('seed', 1);
/** Log lines and error texts: whether a word stands in a counter's name or a sentence is nothing that a case is about. */
const EXCLUDED = ['StringLiteral'];
/** A mutant that takes this many times as long as the tests did without it, and a second, never ends. */
const PATIENCE = 10;
const BUILD = join(ROOT, 'build-mutation');

const { mutants, contents } = await instrument();
await transpile(contents);
let worker = await start();
const tests = await ask('baseline', 600_000);
const covering = new Map();
for (const { id, ms, covers } of tests) {
  for (const mutant of covers) covering.set(mutant, [...(covering.get(mutant) ?? []), { id, ms }]);
}
const chosen = process.argv.includes('--all') ? mutants : sample(mutants, runs, seed);
console.log(
  `${mutants.length} mutants of src/endpoint, ${chosen.length} tried; ${tests.length} tests pass without any.`,
);
const results = [];
for (const [i, mutant] of chosen.entries()) {
  results.push({ ...mutant, ...(await tryOne(mutant.id)) });
  if ((i + 1) % 50 === 0) console.log(`${i + 1} of ${chosen.length}: ${score(results)}`);
}
await worker.terminate();
rmSync(BUILD, { recursive: true, force: true });
writeFileSync(join(ROOT, 'docs/mutation.json'), `${JSON.stringify(report(), null, 1)}\n`);
writeFileSync(join(ROOT, 'docs/mutation.md'), page());
console.log(`Score ${score(results)}; docs/mutation.md and docs/mutation.json written.`);

/** The endpoint with all mutants in it. */
async function instrument() {
  const log = new Proxy({}, { get: (_target, name) => (String(name).startsWith('is') ? () => false : () => {}) });
  const instrumenter = createInjector()
    .provideValue('logger', log)
    .provideValue('getLogger', () => log)
    .injectFunction(createInstrumenter);
  const files = filesBelow('src/endpoint', (name) => name.endsWith('.ts')).map((path) => {
    const name = join(ROOT, relative(ROOT, join(ROOT, path)));
    return { name, content: readFileSync(name, 'utf8'), mutate: true };
  });
  const result = await instrumenter.instrument(files, { plugins: null, excludedMutations: EXCLUDED, ignorers: [] });
  return {
    mutants: result.mutants
      .filter(({ status }) => status !== 'Ignored')
      .map(({ id, fileName, location, mutatorName, replacement }) => ({
        id,
        file: relative(ROOT, fileName),
        line: location.start.line + 1,
        mutator: mutatorName,
        replacement: replacement.replace(/\s+/g, ' ').slice(0, 80),
      })),
    contents: new Map(result.files.map(({ name, content }) => [name, content])),
  };
}

async function transpile(contents) {
  rmSync(BUILD, { recursive: true, force: true });
  await build({
    absWorkingDir: ROOT,
    entryPoints: [
      ...filesBelow('src', (name) => /(?<!\.d)\.ts$/.test(name)),
      'test/conformance/reference-peer.ts',
      'test/conformance/mutant.ts',
    ],
    outdir: BUILD,
    outbase: '.',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
    plugins: [
      {
        name: 'instrumented',
        setup: (builder) =>
          builder.onLoad({ filter: /src\/endpoint\/.*\.ts$/ }, ({ path }) => ({
            contents: contents.get(path),
            loader: 'ts',
          })),
      },
    ],
  });
}

function start() {
  const fresh = new Worker(new URL('./lib/mutation-worker.mjs', import.meta.url), { workerData: { build: BUILD } });
  return new Promise((resolve, reject) => {
    fresh.once('message', () => resolve(fresh));
    fresh.once('error', reject);
  });
}

/** The worker's answer; undefined when it gives none in time, and then it is gone. */
async function ask(task, within) {
  let timer;
  const answer = await new Promise((resolve) => {
    timer = setTimeout(() => resolve(undefined), within);
    worker.once('message', resolve);
    worker.once('error', () => resolve(undefined));
    worker.postMessage(task);
  });
  clearTimeout(timer);
  worker.removeAllListeners('message');
  worker.removeAllListeners('error');
  if (answer !== undefined) return answer;
  await worker.terminate();
  worker = await start();
  return undefined;
}

async function tryOne(id) {
  const own = (covering.get(id) ?? []).sort((a, b) => a.ms - b.ms);
  if (own.length === 0) return { status: 'uncovered' };
  const within = 1000 + PATIENCE * own.reduce((sum, { ms }) => sum + ms, 0);
  return (await ask({ id, tests: own.map((test) => test.id) }, within)) ?? { status: 'timeout' };
}

/** A number of the mutants, each file's share of them, by a seeded shuffle. */
function sample(all, count, start) {
  let state = start >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return all
    .map((mutant) => ({ mutant, at: next() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, count)
    .map(({ mutant }) => mutant)
    .sort((a, b) => Number(a.id) - Number(b.id));
}

function isFound({ status }) {
  return status === 'killed' || status === 'timeout';
}

function score(list) {
  return `${((100 * list.filter(isFound).length) / Math.max(1, list.length)).toFixed(1)} % of ${list.length}`;
}

function count(list, status) {
  return list.filter((one) => one.status === status).length;
}

function report() {
  return { seed, mutants: mutants.length, tried: results.length, found: results.filter(isFound).length, results };
}

function page() {
  const files = [...new Set(results.map(({ file }) => file))].sort();
  const rows = files.map((file) => {
    const own = results.filter((one) => one.file === file);
    const numbers = ['killed', 'timeout', 'inconclusive', 'survived', 'uncovered'].map((status) => count(own, status));
    return `| ${file} | ${score(own)} | ${numbers.join(' | ')} |`;
  });
  const left = results.filter((one) => !isFound(one));
  return [
    '# Mutation testing of the endpoint',
    '',
    'StrykerJS changes `src/endpoint` in one place at a time; the cases of `mpip check` that reach the place are played on the',
    'virtual clock, in both TCP modes, until one fails. Written by `npm run mutation`.',
    '',
    `${mutants.length} mutants (texts left out), ${results.length === mutants.length ? 'all' : `a sample of ${results.length} with seed ${seed}`} tried: **${score(results)} found**. A mutant that never ends counts as found; one that`,
    'makes a case inconclusive, or that no case reaches, does not.',
    '',
    '| file | score | killed | timeout | inconclusive | survived | not reached |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '## Not found',
    '',
    'What is not found is of four kinds: limits against floods and hostile peers (`limits`, `rate-limit`, `evictor`, `reset-hold`), which',
    '`mpip fuzz` and the tests of `test/endpoint` are about; what only a real host shows (ICMP, MTU, fragments, status, counters); what NATs',
    'do (`fallback`), which the tests in the virtual network are about; and changes that make no difference to anybody outside.',
    '',
    '| place | change | becomes | outcome |',
    '| --- | --- | --- | --- |',
    ...left.map(
      ({ file, line, mutator, replacement, status }) =>
        `| ${file}:${line} | ${mutator} | \`${replacement.replaceAll('|', '\\|').replaceAll('`', "'")}\` | ${status} |`,
    ),
    '',
  ].join('\n');
}
