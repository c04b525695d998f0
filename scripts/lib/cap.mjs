// The optional package cap, for the tests of `--link pcap`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canInstallPackages, installPackages } from './commands.mjs';
import { ROOT } from './run.mjs';

/** A folder of its own: the packages of the project stay as they are. test/support/cap.ts looks there. */
const FOLDER = join(ROOT, 'node_modules/.cap');
const BUILT = join(FOLDER, 'node_modules/cap/build/Release/cap.node');
const HEADER = '/usr/include/pcap/pcap.h';
/** Longest time for a step, in milliseconds. */
const LONGEST = 120_000;

/** Compiles cap where that is possible. @returns undefined, or why it is not there, in a sentence. */
export function installCap() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'they need Linux and root.';
  if (existsSync(BUILT)) return undefined;
  if (!existsSync(HEADER) && !(canInstallPackages() && installPackages(['libpcap-dev'])))
    return 'the Debian package libpcap-dev is missing.';
  const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const flags = ['--no-save', '--ignore-scripts=false', '--no-audit', '--no-fund', '--prefix', FOLDER];
  console.log('Compiling cap …');
  const options = { cwd: ROOT, encoding: 'utf8', timeout: LONGEST };
  const { stderr } = spawnSync('npm', ['install', ...flags, `cap@${peerDependencies.cap}`], options);
  if (existsSync(BUILT)) return undefined;
  const line = (stderr ?? '').split('\n').find((text) => /error/i.test(text));
  return `cap could not be installed (${line?.trim() ?? 'npm said nothing'}).`;
}
