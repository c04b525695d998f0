import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { filesBelow, ROOT } from './run.mjs';

/** Compiles every TypeScript file to build/, keeping the folders, so that a test imports what it tests by a relative path. */
export async function transpile() {
  rmSync(join(ROOT, 'build'), { recursive: true, force: true });
  mkdirSync(join(ROOT, 'build'));
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['src', 'test', 'bench'].flatMap((folder) => filesBelow(folder, (name) => /(?<!\.d)\.ts$/.test(name))),
    outdir: 'build',
    outbase: '.',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  if (existsSync(join(ROOT, 'test/data')))
    cpSync(join(ROOT, 'test/data'), join(ROOT, 'build/test/data'), { recursive: true });
}
