import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { ROOT } from './run.mjs';

/** What src/codec and src/dissector export, and the catalogue of src/conformance, compiled on the fly: what files are generated from. */
export async function declarations() {
  const outfile = join(ROOT, 'node_modules', `.mpip-declarations-${process.pid}.mjs`);
  const contents =
    "export * from './src/codec/index.js'; export * from './src/dissector/index.js'; " +
    "export { CASES } from './src/conformance/cases/index.js'; export { catalogueMarkdown, requirementCatalogue } from './src/conformance/catalogue.js';";
  await build({
    absWorkingDir: ROOT,
    stdin: { contents, resolveDir: ROOT, loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['binary-parser'],
    logLevel: 'warning',
  });
  try {
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(outfile, { force: true });
  }
}
