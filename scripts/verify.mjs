// npm run verify: everything from a fresh clone. Installs what is missing, builds, lints, type-checks, runs every test.
// The last line is `N passed, N failed` (`, N skipped`), whatever happens; the exit code is 0 when nothing failed. The
// build, the linter and the type checker count as one test each. With CI=true a test that could not run has failed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installCommands } from './lib/commands.mjs';
import { ensureInstalled, ROOT } from './lib/run.mjs';

const isCi = process.env.CI === 'true';
const counts = { passed: 0, failed: 0, skipped: 0 };
let isDone = false;
process.on('exit', (code) => {
  // An end before the end, such as a failed installation, is a failure too.
  if (!isDone || (code !== 0 && counts.failed === 0)) counts.failed++;
  console.log(
    `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
  );
});

installCommands('tests');
ensureInstalled();
const bin = (name) => join(ROOT, 'node_modules', name);
step('build', ['scripts/build.mjs']);
step('lint', [bin('@biomejs/biome/bin/biome'), 'check', '.']);
step('types', [bin('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit']);
runTests();
isDone = true;
process.exitCode = counts.failed === 0 ? 0 : 1;

/** Runs a script as one counted step. */
function step(name, args) {
  console.log(`== ${name}`);
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status === 0) counts.passed++;
  else {
    counts.failed++;
    console.log(`${name} failed.`);
  }
}

/** Runs every test and adds up what the runner counted. */
function runTests() {
  console.log('== tests');
  const folder = mkdtempSync(join(tmpdir(), 'mpip-verify-'));
  const file = join(folder, 'counts.json');
  const reporters = ['spec', 'stdout', './scripts/lib/count-reporter.mjs', file];
  const flags = reporters.map((value, i) => `--test-reporter${i % 2 === 1 ? '-destination' : ''}=${value}`);
  const { status } = spawnSync(process.execPath, ['scripts/test.mjs', ...flags], { cwd: ROOT, stdio: 'inherit' });
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  rmSync(folder, { recursive: true, force: true });
  if (text === '') {
    counts.failed++;
    console.log('The test runner did not end in order.');
    return;
  }
  const { passed, failed, skipped } = JSON.parse(text);
  counts.passed += passed;
  counts.failed += failed.length;
  if (status !== 0 && failed.length === 0) counts.failed++;
  for (const test of failed) console.log(`failed: ${test.name}`);
  for (const test of skipped)
    console.log(`${isCi ? 'failed, could not run' : 'skipped'}: ${test.name} (${test.reason})`);
  counts[isCi ? 'failed' : 'skipped'] += skipped.length;
}
