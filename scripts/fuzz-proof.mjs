// npm run fuzz:proof [-- SEEDS [EXCHANGES]]: for each planted defect (test/fuzz/defects) how long `mpip fuzz` takes to find something
// from a cold start, over SEEDS seeds (default 10), EXCHANGES each at most (default 5000); writes docs/fuzz-results.md.
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
const exchanges = Number(process.argv[3] ?? 5000);
const load = (path) => import(pathToFileURL(join(ROOT, 'build/test/fuzz', path)).href);
const { defectNames, loadDefect } = await load('defect.js');
const { discover } = await load('proof.js');
const rows = [];
/** Defects found from every seed, and from some. */
let all = 0;
let some = 0;
for (const name of defectNames()) {
  const defect = await loadDefect(name);
  const found = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const discovery = await discover(defect, seed, exchanges);
    if (discovery.group !== undefined) found.push(discovery);
  }
  if (found.length === seeds) all++;
  else if (found.length > 0) some++;
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
first finding, by oracles that know nothing of them; median over ${seeds} seeds, ${exchanges} exchanges each at most; seconds are processor
time. "Like" is the hole of the authors' kernels in [security.md](security.md) that the defect is modelled on. Found: ${all} of ${rows.length}
from every seed, ${some} from some, ${rows.length - all - some} from none.

Written by \`npm run fuzz:proof -- ${seeds} ${exchanges}\` at commit ${commit}, Node ${process.version}, ${cpus()[0].model}, ${cpus().length} cores.

| defect | kind | like | found | by | seconds | packets |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`,
);

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}
