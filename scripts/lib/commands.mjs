// Commands of the system that tests and benchmarks use, and the Debian packages that have them.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian packages of the commands. */
const PACKAGES = {
  chromium: 'chromium',
  curl: 'curl',
  dropbear: 'dropbear-bin',
  dropbearkey: 'dropbear-bin',
  ethtool: 'ethtool',
  ip: 'iproute2',
  iperf3: 'iperf3',
  iptables: 'iptables',
  'iptables-legacy': 'iptables',
  mptcpize: 'mptcpize',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  tc: 'iproute2',
  tshark: 'tshark',
};

/**
 * Installs the packages of commands that are missing, where that is possible; otherwise says that `what` of them will be
 * skipped.
 */
export function installCommands(what, commands = Object.keys(PACKAGES)) {
  const missing = commands.filter((command) => !has(command));
  if (missing.length === 0) return;
  const canInstall = canInstallPackages();
  if (canInstall && installPackages([...new Set(missing.map((command) => PACKAGES[command]))])) return;
  for (const command of missing)
    console.log(
      `${command} is missing${canInstall ? '' : ' and can only be installed by root with apt-get'}: the ${what} that use it will be skipped.`,
    );
}

/** True where Debian packages can be installed. */
export function canInstallPackages() {
  return process.getuid?.() === 0 && has('apt-get');
}

/** Installs Debian packages. @returns whether that succeeded; says when not. */
export function installPackages(packages) {
  console.log(`Installing ${packages.join(', ')} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 2, 2] }).status === 0;
  if (apt('update') && apt('install', '-y', '--no-install-recommends', ...packages)) return true;
  console.log('apt-get failed.');
  return false;
}

function has(command) {
  return (process.env.PATH ?? '').split(delimiter).some((dir) => existsSync(join(dir, command)));
}
