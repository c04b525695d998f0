import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import type { EndpointStatus, TcpMode } from '../../src/endpoint/index.js';
import type { NamespaceLab, Running } from './namespaces.js';

/** The command under test, and an application without any idea of MPIP. */
export const MPIP = 'build/src/cli/mpip.js';
export const TRAFFIC = 'build/test/support/traffic.js';
/** How long a condition may take on a machine that has much else to do. Nothing is measured by it. */
const PATIENCE_MS = 120_000;
/** Nodes started so far by this process. */
let started = 0;

/** How the two nodes of a lab are started. */
export interface PairOptions {
  /** Which hosts have a node; default both. */
  readonly hosts?: readonly ('a' | 'b')[];
  readonly mode?: TcpMode;
  /** Further words of the command line of both. */
  readonly args?: readonly string[];
}

/** A running `mpip peer --interface` of a host, and its control socket. */
export class LiveNode {
  #running: Running | undefined;
  #output = () => '';
  #starts = 0;

  constructor(
    private readonly lab: NamespaceLab,
    private readonly host: string,
    private readonly interfaces: readonly string[],
    private readonly folder: string,
    private readonly args: readonly string[],
  ) {}

  /** Where its control socket is. */
  get control(): string {
    return join(this.folder, `${this.host}-${this.#starts}.sock`);
  }

  /** Everything that it printed since its start. */
  get output(): string {
    return this.#output();
  }

  /** Starts it and waits until traffic flows through it. */
  async start(): Promise<void> {
    this.#starts++;
    // Random ids have two octets: one pair in 65,536 would have the same and speak no MPIP with each other.
    const nodeId = `0a:${(0x10 + (started++ % 0xe0)).toString(16)}`;
    const interfaces = this.interfaces.flatMap((name) => ['--interface', name]);
    const args = [MPIP, 'peer', ...interfaces, '--control', this.control, '--node-id', nodeId, ...this.args];
    this.#running = await this.lab.start(this.host, process.execPath, args, /^ready /);
    this.#output = this.#running.output;
  }

  /** Ends it in order. @throws Error when it had not run until now, or did not end with exit code 0. */
  async stop(): Promise<void> {
    const ended = await this.#running?.end('SIGTERM');
    this.#running = undefined;
    if (ended !== undefined && ended.code !== 0) throw new Error(`A node ended with ${ended.code}: ${ended.output}`);
  }

  /** Kills it, as a power failure would: what it changed on the host stays. */
  async kill(): Promise<void> {
    await this.#running?.end('SIGKILL');
    this.#running = undefined;
  }

  /** Its tables and counters now. */
  async status(): Promise<EndpointStatus> {
    return (await this.ask({ command: 'status' })) as EndpointStatus;
  }

  /** What it answers on its control socket. @throws Error when it refuses. */
  async ask(request: object): Promise<unknown> {
    const socket = connect(this.control);
    try {
      socket.write(`${JSON.stringify(request)}\n`);
      for await (const line of createInterface({ input: socket })) {
        const { ok, result, error } = JSON.parse(line) as { ok: boolean; result: unknown; error?: string };
        if (!ok) throw new Error(`${JSON.stringify(request)} was refused: ${error}`);
        return result;
      }
      throw new Error('The control socket was closed.');
    } finally {
      socket.destroy();
    }
  }
}

/** The nodes of a lab's two hosts. */
export class LivePair {
  readonly #folder = mkdtempSync(join(tmpdir(), 'mpip-pair-'));
  readonly #nodes: readonly LiveNode[];
  readonly a: LiveNode;
  readonly b: LiveNode;

  constructor(lab: NamespaceLab, { hosts = ['a', 'b'], mode = 'fake-tcp', args = [] }: PairOptions = {}) {
    const all = [`--${mode}`, ...args];
    this.a = new LiveNode(lab, lab.hostA, ['a1', 'a2'], this.#folder, all);
    this.b = new LiveNode(lab, lab.hostB, ['b1', 'b2'], this.#folder, all);
    this.#nodes = hosts.map((host) => this[host]);
  }

  /** Starts the nodes at once. */
  async start(): Promise<this> {
    await Promise.all(this.#nodes.map((node) => node.start()));
    return this;
  }

  /** Ends the nodes in order. @throws Error when one had failed. */
  async stop(): Promise<void> {
    try {
      for (const node of this.#nodes) await node.stop();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}

/** Starts a node on each host, lets `during` use them, and ends them; a node that failed meanwhile fails the caller. */
export async function withPair(
  lab: NamespaceLab,
  options: PairOptions,
  during: (pair: LivePair) => Promise<void>,
): Promise<void> {
  const pair = new LivePair(lab, options);
  try {
    await pair.start();
    await during(pair);
  } catch (error) {
    await pair.stop().catch(() => {});
    throw new Error(`${(error as Error).message}\nnode A: ${pair.a.output}\nnode B: ${pair.b.output}`, {
      cause: error,
    });
  }
  await pair.stop();
}

/** The ports of the application of {@link serveOn}. */
export const PORTS = { tcp: 7000, udp: 7001 } as const;

/** Starts an application on a host that echoes TCP and UDP. */
export async function serveOn(lab: NamespaceLab, host: string): Promise<void> {
  await lab.start(host, process.execPath, [TRAFFIC, 'serve', '0.0.0.0', `${PORTS.tcp}`, `${PORTS.udp}`], /serving/);
}

/** Lets an application on a host talk to the one that echoes on the other, and gives what it reports. */
export async function applicationOn(
  lab: NamespaceLab,
  host: string,
  kind: 'udp' | 'tcp' | 'settle',
  ...numbers: readonly number[]
): Promise<unknown> {
  const address = host === lab.hostA ? '10.77.3.2' : '10.77.1.2';
  const words = [TRAFFIC, kind, address, `${kind === 'tcp' ? PORTS.tcp : PORTS.udp}`, ...numbers.map(String)];
  return JSON.parse(await lab.finish(host, process.execPath, ...words));
}

/** Waits for a condition; what it returns other than undefined and false is returned. @throws Error after two minutes. */
export async function until<T>(what: string, condition: () => T | undefined | false | Promise<T | undefined | false>) {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`It never came to pass that ${what}.`);
    await setTimeout(50);
  }
}
