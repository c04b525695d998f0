// npm run vectors [-- --check]: writes fixtures/vectors/*.json. Everything is made from constants and from the
// recordings in fixtures/pcaps, so the files are the same on every machine. With --check nothing is written: the
// command says which file is stale and exits 1.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib/run.mjs';
import { compactBlocks, fullBlocks } from './vectors/blocks.mjs';
import { datagrams } from './vectors/datagrams.mjs';
import { recorded } from './vectors/recorded.mjs';

const folder = join(ROOT, 'fixtures/vectors');
const check = process.argv.includes('--check');
let stale = 0;
let count = 0;
mkdirSync(folder, { recursive: true });
for (const [name, file] of Object.entries({
  'compact-blocks': compactBlocks(),
  'full-blocks': fullBlocks(),
  datagrams: datagrams(),
  recorded: recorded(),
})) {
  const path = join(folder, `${name}.json`);
  const text = render(file);
  count += file.vectors.length;
  if (!check) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    console.error(`fixtures/vectors/${name}.json is stale; run: npm run vectors`);
    stale++;
  }
}
console.log(`${count} vectors${check ? (stale === 0 ? ', all fresh' : '') : ' written'}.`);
process.exitCode = stale === 0 ? 0 : 1;

/** The file's JSON with one vector a line. Flags that no vector carries, and carried ones not described, are faults. */
function render({ title, flags, vectors }) {
  const used = new Set(vectors.flatMap((vector) => vector.flags));
  const ids = new Set(vectors.map((vector) => vector.id));
  if (ids.size !== vectors.length) throw new Error(`${title}: an id is used twice.`);
  for (const flag of used) if (!(flag in flags)) throw new Error(`${title}: flag ${flag} is not described.`);
  for (const flag of Object.keys(flags)) if (!used.has(flag)) throw new Error(`${title}: flag ${flag} is not used.`);
  const head = {
    $schema: './schema.json',
    title,
    generator: 'scripts/generate-vectors.mjs',
    count: vectors.length,
    flags,
  };
  const lines = vectors.map((vector) => `    ${JSON.stringify(vector)}`).join(',\n');
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "vectors": [\n${lines}\n  ]\n}\n`;
}
