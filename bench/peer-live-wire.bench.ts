// `mpip peer --interface` between two hosts with a wire between them, in network namespaces that are made here and removed
// again; as root.
//   npm run bench -- peer-live-wire [--write]
// iperf3 by the TUN devices of the hosts and the wire, one core for each host, packets of 1400 octets: with the endpoint and
// with the endpoint replaced by a copy; in wrapper mode with super-packets and trains and without. What is compared takes
// turns; each figure is the median of its rounds (MPIP_BENCH_ROUNDS), goodput is what the receiver got.

import { run, whyNoNamespaces } from '../test/support/namespaces.js';
import { type Contender, report, takeTurns } from './turns.js';
import { finish, type Program, start, WireLab } from './wire-lab.js';

const PEER = [process.execPath, 'build/src/cli/mpip.js', 'peer'];
const COPY = [process.execPath, 'build/bench/copy-peer.js', 'wire'];
/** TCP of this kernel's default may be another; `-M`: IP packets of 1400 octets, options included. */
const TCP = ['-C', 'cubic', '-M', '1360'];
const SECONDS = '4';
const ROUNDS = 5;

/** Where a client and a server run. */
interface Ends {
  readonly client: string;
  readonly server: string;
  readonly address: string;
}

/** Mbit/s that an iperf3 server received; each end has a core of its own. */
async function iperf({ client, server, address }: Ends, words: string[]) {
  const serving = await start(server, 1, ['iperf3', '-s', '-1', '--forceflush'], /^Server listening/);
  const text = await finish(client, 0, ['iperf3', '-c', address, '-t', SECONDS, '-O', '1', '--json', ...words]);
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
  const ends = { client: lab.hostA, server: lab.hostB, address: lab.addressB };
  return () =>
    withPeers([start(lab.hostA, 0, command, /^ready/), start(lab.hostB, 1, command, /^ready/)], () => iperf(ends, TCP));
}

async function benchWire(): Promise<void> {
  const lab = new WireLab();
  const peer = [...PEER, '--interface', 'wire'];
  const { ratio, mbits } = await takeTurns(ROUNDS, {
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
  const { ratio, mbits } = await takeTurns(ROUNDS, {
    'single packets': overWire(lab, [...peer, '--no-offload']),
    'super-packets and trains': overWire(lab, peer),
  });
  lab.close();
  const detail = `${mbits('super-packets and trains').toFixed(0)} to ${mbits('single packets').toFixed(0)} Mbit/s (stretch 3000), 4 paths, a core each side`;
  report('peer, UDP wrapper: offloads to none', ratio('super-packets and trains'), 'at least 1.5', detail);
}

const reason = whyNoNamespaces('ethtool', 'iperf3', 'taskset');
if (reason !== undefined) console.log(`Skipped: ${reason}`);
else {
  if (Number(run('nproc', [])) < 2) console.log('Only one processor: both ends share it.');
  await benchWire();
  await benchOffload();
}
