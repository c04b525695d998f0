import { Program } from './host-commands.js';
import { LabError } from './lab-error.js';
import { HOST_A, HOST_B } from './testbed.js';

/** A transfer by iperf3 from the client to the server. Times in seconds. */
export interface Transfer {
  readonly address: string;
  readonly seconds: number;
  /** Seconds at the beginning that do not count. */
  readonly settle: number;
  /** Connections side by side; default 1. */
  readonly streams?: number;
  /** Over the kernel's MPTCP. */
  readonly mptcp?: boolean;
  /** Datagrams of this many octets at this rate in Mbit/s, instead of TCP. */
  readonly udp?: { readonly megabits: number; readonly octets: number };
  /** Default the client's and the server's namespaces, and port 5201. */
  readonly from?: string;
  readonly to?: string;
  readonly port?: number;
  /** Seconds between two figures of `received`; default 0.25. */
  readonly interval?: number;
}

/** What came of a transfer, as its receiver counted. */
export interface TransferResult {
  /** Mbit/s of user data after the settling time. */
  readonly megabits: number;
  /** Mbit/s in each interval from the very beginning. */
  readonly received: readonly number[];
  /** Mbit/s of each connection after the settling time. */
  readonly streams: readonly number[];
  readonly retransmits: number;
}

interface Interval {
  readonly sum: { readonly bits_per_second: number; readonly start: number; readonly seconds: number };
}

interface Report {
  readonly error?: string;
  readonly intervals?: readonly Interval[];
  readonly end?: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly sum_sent?: { readonly retransmits?: number };
    readonly sum?: { readonly bits_per_second: number };
    readonly streams?: readonly { readonly receiver?: { readonly bits_per_second: number } }[];
  };
}

/** Runs a transfer. @throws LabError when it fails. */
export async function transfer(options: Transfer): Promise<TransferResult> {
  const { address, seconds, settle, streams = 1, mptcp = false, udp, interval = 0.25 } = options;
  const port = String(options.port ?? 5201);
  const prefix = mptcp ? ['mptcpize', 'run'] : [];
  const serve = [...prefix, 'iperf3', '-s', '-1', '-p', port, '-i', String(interval), '--json', '--forceflush'];
  const server = await Program.start(options.to ?? HOST_B, serve);
  await untilListening(options.to ?? HOST_B, port);
  const kind = udp === undefined ? ['-C', 'cubic'] : ['-u', '-b', `${udp.megabits}M`, '-l', String(udp.octets)];
  const times = ['-t', String(seconds), '-O', String(settle), '-i', String(interval), '-P', String(streams)];
  const words = [...prefix, 'iperf3', '-c', address, '-p', port, ...times, '--json', ...kind];
  const client = await Program.start(options.from ?? HOST_A, words);
  const { sent, taken } = await bothReports(client, server, seconds + settle + 20);
  const received = (taken.intervals ?? []).map(({ sum }) => sum.bits_per_second / 1e6);
  const counted = sent.end?.sum_received ?? sent.end?.sum;
  if (counted === undefined) throw new LabError(`iperf3 gave no result for ${address}.`);
  return {
    megabits: counted.bits_per_second / 1e6,
    received,
    streams: (sent.end?.streams ?? []).map(({ receiver }) => (receiver?.bits_per_second ?? 0) / 1e6),
    retransmits: sent.end?.sum_sent?.retransmits ?? 0,
  };
}

/** What the two ends say. @throws LabError with what either says is wrong. */
async function bothReports(client: Program, server: Program, limit: number): Promise<{ sent: Report; taken: Report }> {
  let late: Error | undefined;
  await client.finish(limit).catch((error: Error) => {
    // With another fault iperf3 says in its report what is wrong.
    if (/did not end/.test(error.message)) late = error;
  });
  await Promise.race([server.finish().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 2000))]);
  await server.end();
  if (late !== undefined) throw late;
  const sent = reportOf(client.output);
  const taken = reportOf(server.output);
  const error = [sent.error, taken.error].filter((text) => text !== undefined).join('; the server: ');
  if (error !== '') throw new LabError(`iperf3 says: ${error}.`);
  return { sent, taken };
}

function reportOf(text: string): Report {
  try {
    return JSON.parse(text) as Report;
  } catch {
    throw new LabError(`iperf3 printed no JSON: ${text.slice(0, 200) || 'nothing'}.`);
  }
}

async function untilListening(namespace: string, port: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const probe = await Program.start(namespace, ['ss', '-Hltn', 'sport', '=', `:${port}`]);
    if ((await probe.finish()).trim() !== '') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new LabError(`iperf3 does not listen on port ${port}.`);
}
