// npm test [-- PATTERN...]: transpiles src, test and bench to build/ and runs node's test runner on build/test.
// PATTERN is a part of a test file's path; without one every test runs. Exit code as the runner's.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { filesBelow, ROOT } from './lib/run.mjs';

const patterns = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const flags = process.argv.slice(2).filter((arg) => arg.startsWith('--'));
await transpile();
const tests = filesBelow('build/test', (name) => name.endsWith('.test.js')).filter(
  (path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)),
);
if (tests.length === 0) {
  console.error(`No test file matches ${patterns.join(', ')}.`);
  process.exit(2);
}
const result = spawnSync(process.execPath, ['--test', ...flags, ...tests], { cwd: ROOT, stdio: 'inherit' });
process.exit(result.status ?? 4);

/** Compiles every TypeScript file to build/, keeping the folders, so that a test imports what it tests by a relative path. */
async function transpile() {
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
