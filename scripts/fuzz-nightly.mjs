// npm run fuzz:nightly: fuzzes the reference in virtual time, as it is and with the UDP wrapper, from the recordings too, for
// MPIP_FUZZ_SECONDS each (default 600). Earlier counterexamples (test/fuzz/regressions) are played first. The seed is the day's, or
// MPIP_SEED. Exit code 1 when something was found; the findings are in build/fuzz.
import { spawnSync } from 'node:child_process';
import { ensureInstalled, ROOT } from './lib/run.mjs';

ensureInstalled();
const { transpile } = await import('./lib/transpile.mjs');
await transpile();
const seed = process.env.MPIP_SEED ?? String(Math.floor(Date.now() / 86_400_000));
const seconds = process.env.MPIP_FUZZ_SECONDS ?? '600';
let exitCode = 0;
for (const [name, ...extra] of [
  ['fake-tcp'],
  ['udp-wrapper', '--udp-wrapper'],
  ['corpus', '--corpus', 'fixtures/pcaps'],
]) {
  console.log(`== ${name}`);
  const args = ['--self', '--seed', seed, '--time', seconds, '--regressions', 'test/fuzz/regressions'];
  const { status } = spawnSync(
    process.execPath,
    ['build/src/cli/mpip.js', 'fuzz', ...args, '--out', `build/fuzz/${name}`, ...extra],
    { cwd: ROOT, stdio: 'inherit' },
  );
  exitCode = Math.max(exitCode, status ?? 4);
}
process.exitCode = exitCode;
