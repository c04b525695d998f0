import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Conditions, DEVICES, type Device } from './conditions.js';
import { Program } from './host-commands.js';
import { HOST_A, HOST_B } from './testbed.js';

/** An MPIP node for each host. */
export interface NodeOptions {
  readonly mode: 'fake-tcp' | 'udp-wrapper';
  /** Further options of `mpip peer`, for both hosts and for the server alone. */
  readonly both?: readonly string[];
  readonly server?: readonly string[];
  /** Small packets take the path of the lowest delay: the paper's example of Table 6. */
  readonly smallPacketRule?: boolean;
}

/** One path of the connection that carries most, at one moment. */
export interface PathSample {
  readonly id: number;
  /** Source and destination address. */
  readonly from: string;
  readonly to: string;
  readonly octets: number;
  readonly weight: number;
  /** Microseconds above the path's smallest delay. */
  readonly queuing: number;
  /** Microseconds, clock difference included; null before the first feedback. */
  readonly delay: number | null;
}

/** What a node's paths did at one moment; seconds since sampling began. */
export interface Sample {
  readonly time: number;
  readonly paths: readonly PathSample[];
}

/** The part of `mpip status` that is looked at. */
export interface Status {
  readonly paths: readonly {
    readonly sessionId: number;
    readonly pathId: number;
    readonly tuple: { readonly source: string; readonly destination: string };
    readonly octetsSent: number;
    readonly weight: number;
    readonly queuing: number;
    readonly delay: number | null;
  }[];
}

/** Asks a node for its status by its control socket; given by the command line, which knows how. */
export interface StatusSource {
  status(): Promise<unknown>;
  close(): void;
}

/** How nodes are started and looked at. */
export interface NodeTools {
  /** How this program is started. */
  readonly words: readonly string[];
  /** A shell command that starts somebody else's node instead (docs/lab.md). */
  readonly peerCommand: string | undefined;
  readonly openStatus: (path: string) => Promise<StatusSource>;
}

const RULES = [{ endSize: 200, priority: 'responsiveness' }];

/** The nodes of both hosts, running. */
export class Nodes {
  private constructor(
    private readonly programs: readonly Program[],
    private readonly control: string | undefined,
    private readonly tools: NodeTools,
    private readonly files: readonly string[],
  ) {}

  /** Starts a node on each host. @throws LabError when one does not start. */
  static async start(tools: NodeTools, options: NodeOptions, conditions: Conditions): Promise<Nodes> {
    const control = join(tmpdir(), `mpip-lab-${process.pid}.sock`);
    const rules = join(tmpdir(), `mpip-lab-${process.pid}.rules.json`);
    const present = DEVICES.filter((device) => conditions.absent?.includes(device) !== true);
    const on = (host: string) => present.filter((device) => device.startsWith(host === HOST_A ? 'a' : 'b'));
    if (options.smallPacketRule === true) writeFileSync(rules, JSON.stringify(RULES));
    const start = (host: string) => {
      const words =
        tools.peerCommand === undefined
          ? own(tools, options, host, on(host), control, rules)
          : foreign(tools.peerCommand, options, host, on(host));
      return Program.start(host, words, /^ready/);
    };
    const programs: Program[] = [];
    try {
      for (const host of [HOST_A, HOST_B]) programs.push(await start(host));
    } catch (error) {
      for (const program of programs) await program.end();
      throw error;
    }
    return new Nodes(programs, tools.peerCommand === undefined ? control : undefined, tools, [control, rules]);
  }

  /** Seconds of processor time that both nodes have used so far. */
  get processorSeconds(): number {
    return this.programs.reduce((sum, { pid }) => sum + processorSeconds(pid), 0);
  }

  /** Looks at the client's paths again and again. @returns how to stop, which gives the samples. */
  async sample(milliseconds: number): Promise<() => Promise<readonly Sample[]>> {
    if (this.control === undefined) return async () => [];
    const source = await this.tools.openStatus(this.control);
    const began = performance.now();
    const seen: { readonly time: number; readonly status: Status }[] = [];
    let isRunning = true;
    const running = (async () => {
      while (isRunning) {
        const { paths } = (await source.status()) as Status;
        seen.push({ time: (performance.now() - began) / 1000, status: { paths } });
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
      }
    })();
    return async () => {
      isRunning = false;
      await running;
      source.close();
      return samplesOf(seen);
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.end()));
    for (const file of this.files) rmSync(file, { force: true });
  }
}

function own(
  tools: NodeTools,
  options: NodeOptions,
  host: string,
  devices: readonly Device[],
  control: string,
  rules: string,
) {
  return [
    ...tools.words,
    'peer',
    ...devices.flatMap((device) => ['--interface', device]),
    `--${options.mode}`,
    ...(host === HOST_A ? ['--control', control] : []),
    ...(options.smallPacketRule === true ? ['--rules', rules] : []),
    ...(options.both ?? []),
    ...(host === HOST_B ? (options.server ?? []) : []),
  ];
}

/** The words that start somebody else's node; what it needs to know is in its environment. */
export function foreign(command: string, options: NodeOptions, host: string, devices: readonly Device[]) {
  const environment = [
    `MPIP_LAB_HOST=${host === HOST_A ? 'client' : 'server'}`,
    `MPIP_LAB_INTERFACES=${devices.join(' ')}`,
    `MPIP_LAB_MODE=${options.mode}`,
    `MPIP_LAB_SMALL_PACKET_RULE=${options.smallPacketRule === true ? 1 : 0}`,
  ];
  return ['env', ...environment, 'sh', '-c', command];
}

/** The paths of the session that sent most in the end, at each moment: not those of iperf's control connection. */
export function samplesOf(seen: readonly { readonly time: number; readonly status: Status }[]): Sample[] {
  const sums = new Map<number, number>();
  for (const { sessionId, octetsSent } of seen.at(-1)?.status.paths ?? [])
    sums.set(sessionId, (sums.get(sessionId) ?? 0) + octetsSent);
  const [busiest] = [...sums].sort(([, a], [, b]) => b - a);
  return seen.map(({ time, status: { paths } }) => ({
    time,
    paths: paths
      .filter(({ sessionId }) => sessionId === busiest?.[0])
      .map(({ pathId, tuple, octetsSent, weight, queuing, delay }) => ({
        id: pathId,
        from: tuple.source,
        to: tuple.destination,
        octets: octetsSent,
        weight,
        queuing,
        delay,
      })),
  }));
}

const TICKS_PER_SECOND = 100;

function processorSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
