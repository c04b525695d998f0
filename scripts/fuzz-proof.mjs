// npm run fuzz:proof [-- SEEDS [SECONDS]]: for each planted defect (test/fuzz/defects) how long `mpip fuzz` takes to find something
// from a cold start, over SEEDS seeds (default 10), SECONDS each at most (default 60); writes docs/fuzz-results.md.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureInstalled, ROOT } from './lib/run.mjs';

ensureInstalled();
const { transpile } = await import('./lib/transpile.mjs');
await transpile();
const seeds = Number(process.argv[2] ?? 10);
const seconds = Number(process.argv[3] ?? 60);
const load = (path) => import(pathToFileURL(join(ROOT, 'build/test/fuzz', path)).href);
const { defectNames, loadDefect } = await load('defect.js');
const { discover } = await load('proof.js');
const rows = [];
for (const name of defectNames()) {
  const defect = await loadDefect(name);
  const found = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const discovery = await discover(defect, seed, seconds * 1000);
    if (discovery.group !== undefined) found.push(discovery);
  }
  const oracles = [...new Set(found.map(({ group }) => group.split('/')[0]))].sort().join(', ');
  const cells = [`\`${name}\``, defect.kind, defect.like ?? '', `${found.length} of ${seeds}`, oracles];
  cells.push(found.length > 0 ? median(found.map((each) => each.seconds)).toFixed(2) : '');
  cells.push(found.length > 0 ? String(median(found.map((each) => each.messages))) : '');
  rows.push(`| ${cells.join(' | ')} |`);
  console.log(rows.at(-1));
}
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
writeFileSync(
  join(ROOT, 'docs/fuzz-results.md'),
  `# What the fuzzer finds

Peers with one planted defect each (\`test/fuzz/defects\`; the name is the defect), fuzzed from a cold start in virtual time until the
first finding, by oracles that know nothing of them; median over ${seeds} seeds, ${seconds} s each at most. "Like" is the hole of the authors'
kernels in [security.md](security.md) that the defect is modelled on.

Written by \`npm run fuzz:proof -- ${seeds} ${seconds}\` at commit ${commit}, Node ${process.version}, ${cpus()[0].model}, ${cpus().length} cores.

| defect | kind | like | found | by | seconds | packets |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`,
);

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}
