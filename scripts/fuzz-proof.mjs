// npm run fuzz:proof [-- SEEDS [EXCHANGES [JOBS]]]: for each planted defect (test/fuzz/defects) how long `mpip fuzz` takes to find
// something from a cold start, over SEEDS seeds (default 10), EXCHANGES each at most (default 5000), JOBS processes at once (default
// one for each processor); writes docs/fuzz-results.md. All but the seconds is the same every time.
import { fork, spawnSync } from 'node:child_process';
import { on } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureInstalled, ROOT } from './lib/run.mjs';

const load = (path) => import(pathToFileURL(join(ROOT, 'build/test/fuzz', path)).href);
const [seeds = 10, exchanges = 5000, jobs = cpus().length] = process.argv.slice(2).map(Number);
if (process.send === undefined) await prove();
else process.on('message', (name) => answer(name));

/** In a process of its own: every search for one defect. */
async function answer(name) {
  const [{ loadDefect }, { discover }] = [await load('defect.js'), await load('proof.js')];
  const defect = await loadDefect(name);
  const found = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const discovery = await discover(defect, seed, exchanges);
    if (discovery.group !== undefined) found.push(discovery);
  }
  process.send({ name, kind: defect.kind, like: defect.like ?? '', found });
}

async function prove() {
  ensureInstalled();
  const { transpile } = await import('./lib/transpile.mjs');
  await transpile();
  const { defectNames } = await load('defect.js');
  const names = defectNames();
  const waiting = [...names];
  const results = new Map();
  const work = async () => {
    const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2));
    const answers = on(child, 'message', { close: ['exit'] });
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      child.send(name);
      const result = (await answers.next()).value?.[0];
      if (result === undefined) throw new Error(`The search for ${name} ended without a result.`);
      results.set(name, result);
      console.log(rowOf(result));
    }
    child.disconnect();
  };
  await Promise.all(Array.from({ length: jobs }, work));
  write(names.map((name) => results.get(name)));
}

function rowOf({ name, kind, like, found }) {
  const oracles = [...new Set(found.map(({ group }) => group.split('/')[0]))].sort().join(', ');
  const cells = [`\`${name}\``, kind, like, `${found.length} of ${seeds}`, oracles];
  cells.push(found.length > 0 ? median(found.map((each) => each.seconds)).toFixed(2) : '');
  cells.push(found.length > 0 ? String(median(found.map((each) => each.messages))) : '');
  return `| ${cells.join(' | ')} |`;
}

function write(results) {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  const all = results.filter(({ found }) => found.length === seeds).length;
  const some = results.filter(({ found }) => found.length > 0).length - all;
  writeFileSync(
    join(ROOT, 'docs/fuzz-results.md'),
    `# What the fuzzer finds

Peers with one planted defect each (\`test/fuzz/defects\`; the name is the defect), fuzzed from a cold start in virtual time until the
first finding, by oracles that know nothing of them; median over ${seeds} seeds, ${exchanges} exchanges each at most; seconds are processor
time, with the tries that confirm the finding. "Like" is the hole of the authors' kernels in [security.md](security.md) that the defect is
modelled on. Of ${results.length} defects ${all} are found from every seed, ${some} from some, ${results.length - all - some} from none.

Written by \`npm run fuzz:proof -- ${seeds} ${exchanges}\` at commit ${commit}, Node ${process.version}, ${cpus()[0].model}, ${cpus().length} cores.

| defect | kind | like | found | by | seconds | packets |
| --- | --- | --- | --- | --- | --- | --- |
${results.map(rowOf).join('\n')}
`,
  );
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}
