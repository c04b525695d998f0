// npm run nightly: the kill matrix, every count in full (property tests run 50 times as often), then the benchmarks; writes the generated
// parts of docs/*.md with commit, seed and command. MPIP_SEED=N replays a seed; without it each night takes another.
import { spawnSync } from 'node:child_process';
import { ensureInstalled, ROOT } from './lib/run.mjs';

ensureInstalled();
const seed = process.env.MPIP_SEED ?? String(Math.floor(Date.now() / 86_400_000));
const env = { ...process.env, MPIP_NIGHTLY: '1', MPIP_SEED: seed };
console.log(`Seed ${seed}; replay with MPIP_SEED=${seed} npm run nightly.`);
let exitCode = 0;
for (const args of [
  ['scripts/generate.mjs', '--check'],
  ['scripts/kill-matrix.mjs'],
  ['scripts/test.mjs'],
  ['scripts/bench.mjs', '--write'],
]) {
  console.log(`== node ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' });
  if (status !== 0) exitCode ||= status ?? 4;
}
process.exitCode = exitCode;
