// npm run build: the library (tsc, with declarations) and the two commands (bundled, so that start-up stays near bare Node's).
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT, run } from './lib/run.mjs';

const typesToo = !process.argv.includes('--fast');
if (typesToo) {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json']);
}
// Chunks are named by their content: those of earlier builds would stay for ever.
rmSync(join(ROOT, 'dist/bin'), { recursive: true, force: true });
await build({
  absWorkingDir: ROOT,
  entryPoints: {
    mpip: 'src/cli/mpip.ts',
    'mpip-check': 'src/cli/mpip-check.ts',
    'summary-worker': 'src/cli/summary-worker.ts',
    'pcap-process': 'src/io/pcap/pcap-process.ts',
  },
  outdir: 'dist/bin',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Found in node_modules when it is needed: it brings a binary, which cannot be bundled.
  external: ['koffi'],
  // Names stay, for whoever reads a stack trace; what is parsed at each start is a third less.
  minifyWhitespace: true,
  minifySyntax: true,
  chunkNames: 'chunks/[name]-[hash]',
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
for (const bin of ['mpip', 'mpip-check']) chmodSync(join(ROOT, 'dist/bin', `${bin}.js`), 0o755);
