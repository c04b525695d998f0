// `mpip peer --interface` between real kernels, in network namespaces that are made here and removed again; as root.
//   node build/bench/peer-live.bench.js [--rounds N] [--seconds S] [--only wire,offload,paths]
// wire:    iperf3 by the TUN devices of two hosts and a wire between them, one core for each host, packets of 1400 octets;
//          with the endpoint, and with the endpoint replaced by a copy.
// offload: the same in wrapper mode, with super-packets and trains and without.
// paths:   two hosts with two interfaces of 100 Mbit/s each: TCP in both modes next to the kernel's MPTCP; UDP.
// What is compared takes turns; each figure is the median of its rounds, goodput is what the receiver got. With
// MPIP_BENCH_JSON results are printed as JSON too.

import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NamespaceLab, run, whyNoNamespaces } from '../test/support/namespaces.js';
import { finish, type Program, start, WireLab } from './wire-lab.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: 'wire,offload,paths' },
  },
});
const rounds = Number(values.rounds);
const seconds = values.seconds;
const PEER = [process.execPath, 'build/src/cli/mpip.js', 'peer'];
const COPY = [process.execPath, 'build/bench/copy-peer.js', 'wire'];
/** TCP of this kernel's default may be another; `-M`: IP packets of 1400 octets, options included. */
const TCP = ['-C', 'cubic', '-M', '1360'];

/** Mbit/s of two interfaces. */
const CAPACITY = 200;
/** Weights that Algorithm 1 changes by 10 ten times a second take this many seconds to settle. */
const SETTLING = '8';

/** One of the things that take turns. @returns Mbit/s. */
type Contender = () => Promise<number>;

/** Lets every contender run once in each round. @returns the median of each, and of the ratios to the first. */
async function takeTurns(contenders: Readonly<Record<string, Contender>>) {
  const names = Object.keys(contenders);
  const figures = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const mbits = await contenders[name]!();
      figures.get(name)!.push(mbits);
      console.log(`  ${name}: ${mbits.toFixed(0)} Mbit/s`);
    }
  }
  const first = figures.get(names[0]!)!;
  return {
    mbits: (name: string) => median(figures.get(name)!),
    ratio: (name: string) => median(figures.get(name)!.map((mbits, i) => mbits / first[i]!)),
  };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}

function report(name: string, ratio: number, goal: string, detail: string): void {
  console.log(`${name}: ${ratio.toFixed(2)} (goal ${goal}); ${detail}`);
  if (process.env.MPIP_BENCH_JSON) console.log(JSON.stringify({ name, ratio, goal, detail }));
}

/** Where a client and a server run. */
interface Ends {
  readonly client: string;
  readonly server: string;
  readonly address: string;
  /** Each end has a core of its own. */
  readonly isPinned: boolean;
  /** Seconds at the beginning that do not count; default 1. */
  readonly omit?: string;
}

/** Mbit/s that an iperf3 server received; `prefix` comes before the command at both ends. */
async function iperf({ client, server, address, isPinned, omit = '1' }: Ends, words: string[], prefix: string[] = []) {
  const [coreA, coreB] = isPinned ? [0, 1] : [undefined, undefined];
  const serving = await start(server, coreB, [...prefix, 'iperf3', '-s', '-1', '--forceflush'], /^Server listening/);
  const all = [...prefix, 'iperf3', '-c', address, '-t', seconds, '-O', omit, '--json', ...words];
  const text = await finish(client, coreA, all);
  await serving.end().catch(() => {});
  const { end, error } = JSON.parse(text) as {
    error?: string;
    end?: {
      sum_received?: { bits_per_second: number };
    };
  };
  if (error !== undefined || end === undefined) throw new Error(`iperf3 ${words.join(' ')}: ${error}`);
  return end.sum_received!.bits_per_second / 1e6;
}

/** User data of a datagram that fills a packet of the host MTU, in octets. */
const DATAGRAM = 1446;

/**
 * Mbit/s of user data in datagrams that B's sockets received while A sends as much as the links can carry: counted by
 * the kernel, since iperf3 counts losses of the omitted seconds among those of the others.
 */
async function udp(lab: NamespaceLab, ends: Ends): Promise<number> {
  const received = () => {
    const [names, numbers] = lab.exec(lab.hostB, 'cat', '/proc/net/snmp').match(/^Udp: .*$/gm)!;
    return Number(numbers!.split(' ')[names!.split(' ').indexOf('InDatagrams')]);
  };
  const length = Number(SETTLING) + Number(seconds) + 2;
  const words = ['-u', '-b', `${CAPACITY}M`, '-l', `${DATAGRAM}`, '-t', `${length}`];
  const running = iperf({ ...ends, omit: '0' }, words);
  await setTimeout(Number(SETTLING) * 1000);
  const [before, since] = [received(), performance.now()];
  await setTimeout(Number(seconds) * 1000);
  const mbits = ((received() - before) * DATAGRAM * 8) / ((performance.now() - since) * 1000);
  await running;
  return mbits;
}

/** Runs something while a peer runs on both hosts. */
async function withPeers(peers: Promise<Program>[], during: () => Promise<number>): Promise<number> {
  const running = await Promise.all(peers);
  try {
    return await during();
  } finally {
    await Promise.all(running.map((peer) => peer.end()));
  }
}

/** What runs on the wire lab: a command for both hosts, then iperf3 through it. */
function overWire(lab: WireLab, command: readonly string[]): Contender {
  const ends = { client: lab.hostA, server: lab.hostB, address: lab.addressB, isPinned: true };
  return () =>
    withPeers([start(lab.hostA, 0, command, /^ready/), start(lab.hostB, 1, command, /^ready/)], () => iperf(ends, TCP));
}

async function benchWire(): Promise<void> {
  const lab = new WireLab();
  const peer = [...PEER, '--interface', 'wire'];
  const { ratio, mbits } = await takeTurns({
    'a copy': overWire(lab, [...COPY, 'fake-tcp', '--no-offload']),
    'the endpoint': overWire(lab, [...peer, '--no-offload']),
    'the endpoint with offloads': overWire(lab, peer),
  });
  lab.close();
  const detail = `${mbits('the endpoint').toFixed(0)} to ${mbits('a copy').toFixed(0)} Mbit/s (target 900), 4 paths, no offload, a core each side; with offloads ${mbits('the endpoint with offloads').toFixed(0)} Mbit/s`;
  report('peer, TUN to wire and back: goodput to that of a copy', ratio('the endpoint'), 'at least 0.80', detail);
}

async function benchOffload(): Promise<void> {
  const lab = new WireLab();
  const peer = [...PEER, '--interface', 'wire', '--udp-wrapper'];
  const { ratio, mbits } = await takeTurns({
    'single packets': overWire(lab, [...peer, '--no-offload']),
    'super-packets and trains': overWire(lab, peer),
  });
  lab.close();
  const detail = `${mbits('super-packets and trains').toFixed(0)} to ${mbits('single packets').toFixed(0)} Mbit/s (stretch 3000), 4 paths, a core each side`;
  report('peer, UDP wrapper: offloads to none', ratio('super-packets and trains'), 'at least 1.5', detail);
}

/** A buffer that waits by time, next to the paper's of 10 segments (docs/performance.md). */
const BY_TIME = ['--set', 'reordering-slots=200', '--set', 'reordering-hold=20ms'];

async function benchPaths(): Promise<void> {
  const lab = new NamespaceLab();
  lab.switchOffloadsOff();
  lab.limitRate(CAPACITY / 2, ['a1', 'a2', 'b1', 'b2']);
  for (const host of [lab.hostA, lab.hostB]) {
    lab.exec(host, 'sysctl', '-qw', 'net.mptcp.enabled=1');
    lab.exec(host, 'ip', 'mptcp', 'limits', 'set', 'subflow', '8', 'add_addr_accepted', '8');
  }
  for (const address of ['10.77.1.2', '10.77.2.2'])
    lab.exec(lab.hostA, 'ip', 'mptcp', 'endpoint', 'add', address, 'subflow', 'fullmesh');
  lab.exec(lab.hostB, 'ip', 'mptcp', 'endpoint', 'add', '10.77.4.2', 'signal');
  const ends = { client: lab.hostA, server: lab.hostB, address: '10.77.3.2', isPinned: false, omit: SETTLING };
  const cubic = ['-C', 'cubic'];
  const withBoth = (mode: string, options: string[], during: () => Promise<number>): Contender => {
    const peer = (host: string, [first, second]: string[]) =>
      start(host, undefined, [...PEER, '--interface', first!, '--interface', second!, mode, ...options], /^ready/);
    return () => withPeers([peer(lab.hostA, ['a1', 'a2']), peer(lab.hostB, ['b1', 'b2'])], during);
  };
  const overPeers = (mode: string, options: string[] = []) => withBoth(mode, options, () => iperf(ends, cubic));
  const { ratio, mbits } = await takeTurns({
    MPTCP: () => iperf(ends, cubic, ['mptcpize', 'run']),
    'fake TCP': overPeers('--fake-tcp'),
    'UDP wrapper': overPeers('--udp-wrapper'),
    'fake TCP, buffer by time': overPeers('--fake-tcp', BY_TIME),
    'UDP wrapper, buffer by time': overPeers('--udp-wrapper', BY_TIME),
    UDP: withBoth('--fake-tcp', [], () => udp(lab, ends)),
  });
  lab.close();
  for (const mode of ['fake TCP', 'UDP wrapper']) {
    const share = (name: string) => `${mbits(name).toFixed(0)} Mbit/s, ${(mbits(name) / CAPACITY).toFixed(3)} of 200`;
    report(
      `peer, 4 paths of 2 x 100 Mbit/s, TCP with ${mode}: goodput to the kernel's MPTCP`,
      ratio(mode),
      'at least 0.95',
      `${share(mode)}; MPTCP ${share('MPTCP')}; cubic, fullmesh; with a buffer by time ratio ${ratio(`${mode}, buffer by time`).toFixed(2)}`,
    );
  }
  report(
    'peer, 4 paths of 2 x 100 Mbit/s, UDP: goodput to capacity',
    mbits('UDP') / CAPACITY,
    'at least 0.91',
    `${mbits('UDP').toFixed(0)} Mbit/s; the headers' bound is 0.940`,
  );
}

const reason = whyNoNamespaces('ethtool', 'iperf3', 'mptcpize', 'taskset');
if (reason !== undefined) console.log(`Skipped: ${reason}`);
else {
  if (Number(run('nproc', [])) < 2) console.log('Only one processor: both ends share it.');
  const only = values.only.split(',');
  if (only.includes('wire')) await benchWire();
  if (only.includes('offload')) await benchOffload();
  if (only.includes('paths')) await benchPaths();
}
