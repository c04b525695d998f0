// npm run demo: a first look from a fresh clone, as an ordinary user. Installs, builds, starts the reference peer as a
// process of its own on loopback UDP, examines it with mpip check, and says where report and evidence lie. The exit
// code is that of mpip check; 4 when the demo itself could not run.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureInstalled, filesBelow, isStale, ROOT, run } from './lib/run.mjs';

const TWO_ADDRESSES = ['127.0.0.2', '127.0.0.3'];
/** Of 127.0.0.0/8, macOS and the BSDs have this one only. */
const ONE_ADDRESS = ['127.0.0.1'];
const READY_WITHIN_MS = 15_000;
/** Constants of both sides, shorter than the paper's so that nothing has to be left out. */
const TIMES = ['session-expiry=3s', 'weight-period=20ms'];
const MPIP = 'dist/bin/mpip.js';
const OUT = 'mpip-report';
const PICS = `${OUT}/pics.yaml`;

ensureInstalled();
const sources = [...filesBelow('src', (name) => name.endsWith('.ts')), 'package.json', 'scripts/build.mjs'];
if (isStale(MPIP, sources) || isStale('dist/codec/index.d.ts', sources)) {
  console.log('Building mpip …');
  run(process.execPath, ['scripts/build.mjs']);
}
const hasTwo = (await bindError(TWO_ADDRESSES[0], 0)) === undefined;
const ADDRESSES = hasTwo ? TWO_ADDRESSES : ONE_ADDRESS;
const port = await freePort();
const discard = `discard:${port + 1}`;
rmSync(join(ROOT, OUT), { recursive: true, force: true });
mkdirSync(join(ROOT, OUT), { recursive: true });
if (!hasTwo) {
  console.log(
    `\n${TWO_ADDRESSES[0]} is no address of this machine: the peer has one address, and cases that need several are left out.` +
      `\nTo play them, too, give the loopback interface more (macOS: ${TWO_ADDRESSES.map((one) => `sudo ifconfig lo0 alias ${one}`).join('; ')}).`,
  );
  const paper = readFileSync(join(ROOT, 'pics/paper.yaml'), 'utf8');
  writeFileSync(join(ROOT, PICS), paper.replace('several-addresses: true', 'several-addresses: false'));
}

const peerArgs = [
  '--port',
  String(port),
  '--service',
  'echo',
  '--service',
  discard,
  ...TIMES.flatMap((time) => ['--set', time]),
];
say('Starting an MPIP peer on this machine, without privilege:', ['peer', ...addressArgs(), ...peerArgs]);
const peer = spawn(process.execPath, [MPIP, 'peer', ...addressArgs(), ...peerArgs], {
  cwd: ROOT,
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.on('exit', () => peer.kill('SIGTERM'));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
console.log(`  ${await ready()}`);

const checkArgs = ['check', ADDRESSES[0], '--unprivileged', '--udp-port', String(port), '--service', 'echo'];
if (!hasTwo) checkArgs.push('--pics', PICS);
checkArgs.push('--service', discard, ...TIMES.flatMap((time) => ['--pixit', time]));
checkArgs.push('--report', `json=${OUT}/report.json`, '--evidence', `${OUT}/evidence`);
say('Examining it over real UDP sockets:', checkArgs);
const exitCode = await exitOf(spawn(process.execPath, [MPIP, ...checkArgs], { cwd: ROOT, stdio: 'inherit' }));
peer.kill('SIGTERM');
await exitOf(peer);
process.exit(exitCode);

function addressArgs() {
  return ADDRESSES.flatMap((address) => ['--address', address]);
}

function say(what, args) {
  console.log(`\n${what}\n  mpip ${args.join(' ')}`);
}

/** The exit code of a process; 4 when a signal ended it. */
function exitOf(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? 4);
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 4)));
}

/** The line with which the peer says that it answers; ends the demo when it does not come. */
function ready() {
  return new Promise((resolve) => {
    const fail = (why) => {
      console.error(`The peer did not start: ${why}.`);
      process.exit(4);
    };
    const timer = setTimeout(() => fail(`it said nothing for ${READY_WITHIN_MS / 1000} s`), READY_WITHIN_MS);
    peer.on('error', (error) => fail(error.message));
    peer.on('exit', (code, signal) => fail(`it ended with ${signal ?? `exit code ${code}`}`));
    createInterface({ input: peer.stdout }).on('line', (line) => {
      if (!line.startsWith('ready')) return;
      clearTimeout(timer);
      peer.removeAllListeners('exit');
      resolve(line);
    });
  });
}

/** 7000 when it and the next port are free on both addresses, otherwise another such pair. */
async function freePort() {
  for (const candidate of [7000, ...Array.from({ length: 20 }, () => 20_000 + Math.floor(Math.random() * 20_000))]) {
    const places = ADDRESSES.flatMap((address) => [candidate, candidate + 1].map((at) => [address, at]));
    const results = await Promise.all(places.map(([address, at]) => bindError(address, at)));
    const problem = results.find((code) => code !== undefined && code !== 'EADDRINUSE');
    if (problem !== undefined) {
      console.error(`A UDP socket on ${ADDRESSES.join(' and ')} cannot be opened here (${problem}).`);
      process.exit(4);
    }
    if (results.every((code) => code === undefined)) return candidate;
  }
  console.error('No free UDP port was found on loopback.');
  process.exit(4);
}

/** The error code of binding a UDP socket; undefined when it works. */
function bindError(address, at) {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('error', (error) => resolve(error.code));
    socket.bind({ address, port: at, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}
