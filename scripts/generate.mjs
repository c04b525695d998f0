// npm run generate [-- PART...] [--check]: writes every file that is derived from the declarations in src, or from what a
// long run left. PART is docs, evaluation, kaitai, mutation, vectors or wireshark; without one all are written. With --check
// nothing is written: the command says which file is stale and exits 1.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { docs } from './generate/docs.mjs';
import { evaluation } from './generate/evaluation.mjs';
import { kaitai } from './generate/kaitai.mjs';
import { mutation } from './generate/mutation.mjs';
import { vectors } from './generate/vectors.mjs';
import { wireshark } from './generate/wireshark.mjs';
import { declarations } from './lib/declarations.mjs';
import { ROOT } from './lib/run.mjs';

/** Each takes the declarations and gives the text of every file by its path. */
const PARTS = { docs, evaluation, kaitai, mutation, vectors, wireshark };

const check = process.argv.includes('--check');
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const unknown = words.filter((word) => !Object.hasOwn(PARTS, word));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}; choose ${Object.keys(PARTS).join(', ')}.`);
  process.exit(2);
}
const declared = await declarations();
let count = 0;
for (const part of words.length === 0 ? Object.keys(PARTS) : words)
  for (const [path, text] of Object.entries(PARTS[part](declared))) {
    count++;
    const file = join(ROOT, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    if (check) {
      console.error(`${path} is stale; run: npm run generate`);
      process.exitCode = 1;
      continue;
    }
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.log(`${path} written.`);
  }
console.log(`${count} generated files${process.exitCode === 1 ? '' : ', all fresh'}.`);
