// npm test [-- PATTERN...]: transpiles src, test and bench to build/ and runs node's test runner on build/test.
// PATTERN is a part of a test file's path; without one every test runs. Exit code as the runner's.
import { spawnSync } from 'node:child_process';
import { testFiles } from './lib/lanes.mjs';
import { ROOT } from './lib/run.mjs';
import { transpile } from './lib/transpile.mjs';

const patterns = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const flags = process.argv.slice(2).filter((arg) => arg.startsWith('--'));
await transpile();
const tests = testFiles().filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)));
if (tests.length === 0) {
  console.error(`No test file matches ${patterns.join(', ')}.`);
  process.exit(2);
}
const result = spawnSync(process.execPath, ['--test', ...flags, ...tests], { cwd: ROOT, stdio: 'inherit' });
process.exit(result.status ?? 4);
