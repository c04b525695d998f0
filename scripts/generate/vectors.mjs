// fixtures/vectors/*.json. Everything is made from constants and from the recordings in fixtures/pcaps, so the files are
// the same on every machine.
import { compactBlocks, fullBlocks } from '../vectors/blocks.mjs';
import { datagrams } from '../vectors/datagrams.mjs';
import { recorded } from '../vectors/recorded.mjs';

/** The vector files by path. */
export function vectors() {
  const files = {
    'compact-blocks': compactBlocks(),
    'full-blocks': fullBlocks(),
    datagrams: datagrams(),
    recorded: recorded(),
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => [`fixtures/vectors/${name}.json`, render(file)]),
  );
}

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
    generator: 'scripts/generate.mjs',
    count: vectors.length,
    flags,
  };
  const lines = vectors.map((vector) => `    ${JSON.stringify(vector)}`).join(',\n');
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "vectors": [\n${lines}\n  ]\n}\n`;
}
