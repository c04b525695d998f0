// The optional package cap, for the tests of `--link pcap`. Run as a script it is compiled, or why not is said in a line.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canInstallPackages, installPackages } from './commands.mjs';
import { ROOT } from './run.mjs';

/** A folder of its own: the packages of the project stay as they are. test/support/cap.ts looks there. */
const FOLDER = join(ROOT, 'node_modules/.cap');
const BUILT = join(FOLDER, 'node_modules/cap/build/Release/cap.node');
const HEADER = '/usr/include/pcap/pcap.h';
const SCRIPT = fileURLToPath(import.meta.url);
/** Longest time for a step, in milliseconds. */
const LONGEST = 60_000;

/** Runs this script while the caller does other things. @returns a promise of its end. */
export function beginCap() {
  return once(spawn(process.execPath, [SCRIPT], { stdio: 'inherit' }), 'exit');
}

/** Compiles cap where that is possible. @returns undefined, or why it is not there, in a sentence. */
function installCap() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'they need Linux and root.';
  if (existsSync(BUILT)) return undefined;
  if (!existsSync(HEADER) && !(canInstallPackages() && installPackages(['libpcap-dev'])))
    return 'the Debian package libpcap-dev is missing.';
  const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const flags = ['--no-save', '--ignore-scripts=false', '--no-audit', '--no-fund', '--prefix', FOLDER];
  const options = { cwd: ROOT, encoding: 'utf8', timeout: LONGEST };
  const { stderr } = spawnSync('npm', ['install', ...flags, `cap@${peerDependencies.cap}`], options);
  if (existsSync(BUILT)) return undefined;
  const line = (stderr ?? '').split('\n').find((text) => /error/i.test(text));
  return `cap could not be installed (${line?.trim() ?? 'npm said nothing'}).`;
}

if (process.argv[1] === SCRIPT) {
  const reason = installCap();
  if (reason !== undefined) console.log(`Tests of --link pcap are left out: ${reason}`);
}
