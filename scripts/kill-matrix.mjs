// npm run kill-matrix: plays the suite against every mutant and writes the table case x mutant, docs/kill-matrix.json, and
// the same for people, docs/kill-matrix.md. With --check nothing is written: the command says which file differs and exits 1;
// with --render nothing is played: the page is made from the table that is there.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './lib/run.mjs';
import { transpile } from './lib/transpile.mjs';

await transpile();
const load = (path) => import(pathToFileURL(join(ROOT, 'build', path)).href);
const { committedMatrix, killRow, CASE_IDS, MATRIX_SEED } = await load('test/conformance/kill-matrix.js');
const { loadMutant, mutantNames } = await load('test/conformance/mutant.js');
const { CASES } = await load('src/conformance/cases/index.js');

const check = process.argv.includes('--check');
const loaded = await Promise.all(mutantNames().map(loadMutant));
const isRendering = process.argv.includes('--render');
const mutants = isRendering ? committedMatrix().mutants : {};
if (!isRendering) for (const mutant of loaded) mutants[mutant.name] = await killRow(mutant);
const matrix = { seed: MATRIX_SEED, cases: CASE_IDS, mutants };
const files = { 'docs/kill-matrix.json': json(matrix), 'docs/kill-matrix.md': markdown(matrix) };
for (const [path, text] of Object.entries(files)) {
  const file = join(ROOT, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  if (check) {
    console.error(`${path} is stale; run: npm run kill-matrix`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
    console.log(`${path} written.`);
  }
}
const survivors = loaded.filter(({ name }) => mutants[name].killedBy.length === 0);
const useful = new Set(Object.values(mutants).flatMap(({ killedBy }) => killedBy));
const idle = CASE_IDS.filter((id) => !useful.has(id));
for (const { name } of survivors) console.error(`No case fails because of the mutant ${name}.`);
for (const id of idle) console.error(`No mutant fails the case ${id}.`);
if (survivors.length + idle.length > 0) process.exitCode = 1;
console.log(`${CASE_IDS.length} cases, ${loaded.length} mutants, ${survivors.length} alive.`);

/** One line for each mutant, so that a change shows as one. */
function json({ seed, cases, mutants }) {
  const rows = Object.entries(mutants).map(([name, row]) => `    ${JSON.stringify(name)}: ${JSON.stringify(row)}`);
  const ids = cases.map((id) => `    ${JSON.stringify(id)}`);
  return `{\n  "seed": ${seed},\n  "cases": [\n${ids.join(',\n')}\n  ],\n  "mutants": {\n${rows.join(',\n')}\n  }\n}\n`;
}

function markdown({ seed, cases, mutants }) {
  const kills = Object.values(mutants).reduce((sum, { killedBy }) => sum + killedBy.length, 0);
  const single = Object.values(mutants).filter(({ killedBy }) => killedBy.length === 1).length;
  const areas = [...new Set(CASES.map(({ area }) => area))];
  const lines = [
    '# Kill matrix',
    '',
    'Each mutant is the reference with one defect (`test/mutants`, the file name is the defect; `npm run mutant NAME` runs it).',
    'The whole suite is played against each; a case that fails has found the defect. Written by `npm run nightly`, or by',
    '`npm run kill-matrix` alone; `npm run verify` plays a part of it again, chosen by the commit, and fails when it finds',
    'something else. The same as data: [kill-matrix.json](kill-matrix.json).',
    '',
    `Seed ${seed}: ${cases.length} cases, ${loaded.length} mutants, ${countAlive(mutants)} of them not found; ${kills} pairs of a mutant and a case that fails, ${single} mutants found by one case alone.`,
    '',
  ];
  for (const area of areas) {
    const own = CASES.filter((testCase) => testCase.area === area);
    lines.push(`## ${area}`, '', '| case | mutants that fail it |', '| --- | --- |');
    for (const { id } of own) {
      const names = loaded.filter(({ name }) => mutants[name].killedBy.includes(id)).map(({ name }) => name);
      lines.push(`| \`${id}\` | ${names.join(', ') || '–'} |`);
    }
    lines.push('');
  }
  lines.push(
    '## By mutant',
    '',
    '| mutant | defect | requirements | cases that fail | inconclusive |',
    '| --- | --- | --- | --- | --- |',
  );
  for (const { name, defect, requirements } of loaded) {
    const { killedBy, inconc } = mutants[name];
    const ids = killedBy.map((id) => `\`${id}\``).join(' ');
    lines.push(
      `| ${name} | ${defect} | ${requirements.map((id) => id.slice(5)).join(' ')} | ${ids || '–'} | ${inconc.length || ''} |`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function countAlive(mutants) {
  return Object.values(mutants).filter(({ killedBy }) => killedBy.length === 0).length;
}
