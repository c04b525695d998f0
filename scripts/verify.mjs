// npm run verify: everything from a fresh clone. Installs what is missing, builds, lints, type-checks, runs every test.
// The last line is `N passed, N failed` (`, N skipped`), whatever happens; the exit code is 0 when nothing failed. The
// build, the linter and the type checker count as one test each. With CI=true a test that could not run has failed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beginCap } from './lib/cap.mjs';
import { installCommands } from './lib/commands.mjs';
import { lanes } from './lib/lanes.mjs';
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
const capIsThere = beginCap();
const bin = (name) => join(ROOT, 'node_modules', name);
step('build', ['scripts/build.mjs']);
step('lint', [bin('@biomejs/biome/bin/biome'), 'check', '.']);
step('types', [bin('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit']);
await capIsThere;
await runTests();
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

/** Runs every test, the lanes beside each other, and adds up what the runners counted. */
async function runTests() {
  console.log('== tests');
  // These need what was installed above.
  const { transpile } = await import('./lib/transpile.mjs');
  await transpile();
  const folder = mkdtempSync(join(tmpdir(), 'mpip-verify-'));
  const runs = lanes().map((lane) => runLane(lane, folder));
  for (const run of runs) {
    const { name, status, log, file } = await run;
    if (log !== undefined) {
      console.log(`== tests: ${name}`);
      process.stdout.write(readFileSync(log));
    }
    count(name, status, file);
  }
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Runs the files of a lane. The first lane shows what it does while it runs; what another one prints is kept in `log`, so
 * that the two do not mix.
 */
async function runLane({ name, niceness, files }, folder) {
  const file = join(folder, `${name}.json`);
  const log = name === 'live' ? undefined : join(folder, `${name}.log`);
  const reporters = ['spec', 'stdout', './scripts/lib/count-reporter.mjs', file];
  const flags = reporters.map((value, i) => `--test-reporter${i % 2 === 1 ? '-destination' : ''}=${value}`);
  const output = log === undefined ? 'inherit' : openSync(log, 'w');
  const child = spawn(process.execPath, ['--test', ...flags, ...files], {
    cwd: ROOT,
    stdio: ['inherit', output, output],
  });
  if (niceness !== 0 && child.pid !== undefined) setPriority(child.pid, niceness);
  const [status] = await once(child, 'exit');
  return { name, status, log, file };
}

/** Adds what one runner counted; a runner that left no count has failed. */
function count(name, status, file) {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (text === '') {
    counts.failed++;
    console.log(`The test runner of the lane ${name} did not end in order.`);
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
