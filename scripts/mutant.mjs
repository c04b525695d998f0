// npm run mutant NAME [-- OPTION...]: a peer with one known defect (test/mutants/NAME.ts), run like `mpip peer --address` with
// its options (--tcp for what is wrong with TCP). Without a name, lists the mutants.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { filesBelow, ROOT } from './lib/run.mjs';

const [name, ...rest] = process.argv.slice(2);
const args = rest[0] === 'peer' ? rest.slice(1) : rest;
if (name === undefined || !existsSync(join(ROOT, 'test/mutants', `${basename(name)}.ts`))) {
  if (name !== undefined) console.error(`There is no mutant '${name}'; known are:`);
  for (const file of filesBelow('test/mutants', (file) => file.endsWith('.ts'))) console.error(basename(file, '.ts'));
  process.exit(2);
}
// Where optional packages are found from.
const folder = mkdtempSync(join(ROOT, 'node_modules', '.mutant-'));
const outfile = join(folder, 'mutant.mjs');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
await build({
  absWorkingDir: ROOT,
  stdin: {
    contents:
      `import { mutant } from './test/mutants/${basename(name)}.ts';\n` +
      "import { runMutant } from './test/conformance/mutant-peer.ts';\n" +
      'export const run = (args) => runMutant(mutant, args);\n',
    resolveDir: ROOT,
  },
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { run } = await import(pathToFileURL(outfile).href);
process.exit(await run(args));
