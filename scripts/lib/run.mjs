// Small helpers of the project's scripts: run a command, say what is being done, find files.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a command in the root, inheriting the terminal; ends this process with its exit code when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (result.error) {
    console.error(`Could not start ${command}: ${result.error.message}`);
    process.exit(4);
  }
  if (result.status !== 0) process.exit(result.status ?? 4);
}

/** All files below `folder` (relative to the root) whose name passes `test`, sorted, as paths relative to the root. */
export function filesBelow(folder, test) {
  const found = [];
  const visit = (dir) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (test(entry.name)) found.push(relative(ROOT, path));
    }
  };
  const top = join(ROOT, folder);
  if (existsSync(top)) visit(top);
  return found.sort();
}

/** Installs the npm packages when what is in node_modules is not what the lock file says. */
export function ensureInstalled() {
  const read = (path) => {
    const file = join(ROOT, path);
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {};
  };
  const installed = read('node_modules/.package-lock.json');
  const missing = Object.entries(read('package-lock.json')).filter(
    ([path, { version, optional }]) => path !== '' && !optional && installed[path]?.version !== version,
  );
  if (missing.length === 0) return;
  console.error('Installing packages (npm ci) …');
  run('npm', ['ci', '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] });
}

/** True when `target` is missing or older than any of `sources` (paths relative to the root). */
export function isStale(target, sources) {
  const path = join(ROOT, target);
  if (!existsSync(path)) return true;
  const made = statSync(path).mtimeMs;
  return sources.some((source) => statSync(join(ROOT, source)).mtimeMs > made);
}
