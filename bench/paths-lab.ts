import { setTimeout } from 'node:timers/promises';
import { type Device, NamespaceLab, run } from '../test/support/namespaces.js';
import { finish, type Program, start } from './wire-lab.js';

/** Mbit/s of one interface where nothing else is said. */
const RATE = 100;
/** Seconds at the beginning of a transfer that do not count. */
export const SETTLING = 8;
/** User data of a datagram that fills a packet of the host MTU, in octets. */
const DATAGRAM = 1446;
const PEER = [process.execPath, 'build/src/cli/mpip.js'];
const SERVER = '10.77.3.2';

/** The links of a row of the paper's Table 8. */
export type Row = 'no-limit' | 'nic-limit' | 'pairwise-limit';

/** Mbit/s of both interfaces together, by row. */
export const CAPACITY: Readonly<Record<Row, number>> = { 'no-limit': 200, 'nic-limit': 140, 'pairwise-limit': 140 };

/** What a path carried and how it was measured, once in a while. */
export interface PathTrace {
  readonly seconds: number;
  /** By local and remote address, in order: Mbit/s since the line before, weight, queuing delay in ms. */
  readonly paths: readonly {
    readonly way: string;
    readonly mbits: number;
    readonly weight: number;
    readonly queuing: number;
  }[];
}

/** Two hosts of two interfaces each with rates, a router between them, and what can be measured over it. */
export class PathsLab {
  readonly lab = new NamespaceLab();

  constructor(readonly row: Row) {
    const { lab } = this;
    lab.switchOffloadsOff();
    lab.limitRate(RATE, ['a1', 'a2', 'b1', 'b2']);
    if (row === 'nic-limit') this.#limitSender('a2', 40);
    if (row === 'pairwise-limit') this.#limitPairs();
    for (const host of [lab.hostA, lab.hostB]) {
      lab.exec(host, 'sysctl', '-qw', 'net.mptcp.enabled=1');
      lab.exec(host, 'ip', 'mptcp', 'limits', 'set', 'subflow', '8', 'add_addr_accepted', '8');
    }
    for (const address of ['10.77.1.2', '10.77.2.2'])
      lab.exec(lab.hostA, 'ip', 'mptcp', 'endpoint', 'add', address, 'subflow', 'fullmesh');
    lab.exec(lab.hostB, 'ip', 'mptcp', 'endpoint', 'add', '10.77.4.2', 'signal');
  }

  close(): void {
    this.lab.close();
  }

  /** Mbit/s that an iperf3 server received over TCP (cubic). `prefix` comes before the command at both ends. */
  async tcp(seconds: number, prefix: readonly string[] = []): Promise<number> {
    const { lab } = this;
    const serving = await start(
      lab.hostB,
      undefined,
      [...prefix, 'iperf3', '-s', '-1', '--forceflush'],
      /^Server listening/,
    );
    const words = ['iperf3', '-c', SERVER, '-t', `${seconds}`, '-O', `${SETTLING}`, '--json', '-C', 'cubic'];
    const text = await finish(lab.hostA, undefined, [...prefix, ...words]);
    await serving.end().catch(() => {});
    return receivedMbits(text);
  }

  /**
   * Mbit/s of user data in datagrams that B's sockets received while A sends as much as the links can carry: counted by
   * the kernel, since iperf3 counts losses of the omitted seconds among those of the others.
   */
  async udp(seconds: number): Promise<number> {
    const { lab } = this;
    const serving = await start(lab.hostB, undefined, ['iperf3', '-s', '-1', '--forceflush'], /^Server listening/);
    const length = SETTLING + seconds + 2;
    const words = ['-u', '-b', `${CAPACITY[this.row]}M`, '-l', `${DATAGRAM}`, '-t', `${length}`];
    const running = finish(lab.hostA, undefined, ['iperf3', '-c', SERVER, '--json', ...words]);
    await setTimeout(SETTLING * 1000);
    const [before, since] = [this.#datagrams(), performance.now()];
    await setTimeout(seconds * 1000);
    const mbits = ((this.#datagrams() - before) * DATAGRAM * 8) / ((performance.now() - since) * 1000);
    receivedMbits(await running);
    await serving.end().catch(() => {});
    return mbits;
  }

  /** Runs something while a peer runs on both hosts. `onTrace` is told twice a second what A's paths carry. */
  async withPeers<Result>(
    options: readonly string[],
    during: () => Promise<Result>,
    onTrace?: (trace: PathTrace) => void,
    prefix: readonly string[] = [],
  ): Promise<Result> {
    const { lab } = this;
    const peer = (host: string, devices: readonly Device[]) => {
      const interfaces = devices.flatMap((device) => ['--interface', device]);
      return start(host, undefined, [...prefix, ...PEER, 'peer', ...interfaces, ...options], /^ready/);
    };
    const running: Program[] = await Promise.all([peer(lab.hostA, ['a1', 'a2']), peer(lab.hostB, ['b1', 'b2'])]);
    const stop = onTrace === undefined ? undefined : this.#trace(onTrace);
    try {
      return await during();
    } finally {
      await stop?.();
      await Promise.all(running.map((program) => program.end()));
    }
  }

  /** Calls `onTrace` twice a second. @returns how to stop. */
  #trace(onTrace: (trace: PathTrace) => void): () => Promise<void> {
    const begun = performance.now();
    const sent = new Map<string, number>();
    let last = begun;
    let isOver = false;
    const loop = async () => {
      while (!isOver) {
        await setTimeout(500);
        const text = await finish(this.lab.hostA, undefined, [...PEER, 'status', '--json']);
        const now = performance.now();
        const { paths } = JSON.parse(text) as { paths: StatusPath[] };
        const rows = paths
          .filter(({ octetsSent, tuple }) => octetsSent > (sent.get(wayOf(tuple)) ?? 0))
          .map(({ tuple, weight, queuing, octetsSent }) => {
            const way = wayOf(tuple);
            const mbits = ((octetsSent - (sent.get(way) ?? 0)) * 8) / ((now - last) * 1000);
            sent.set(way, octetsSent);
            return { way, mbits, weight, queuing: queuing / 1000 };
          });
        last = now;
        onTrace({ seconds: (now - begun) / 1000, paths: rows.sort((a, b) => (a.way < b.way ? -1 : 1)) });
      }
    };
    const running = loop();
    return async () => {
      isOver = true;
      await running.catch((error: Error) => console.error(`No trace: ${error.message}`));
    };
  }

  #datagrams(): number {
    const { lab } = this;
    const [names, numbers] = lab.exec(lab.hostB, 'cat', '/proc/net/snmp').match(/^Udp: .*$/gm)!;
    return Number(numbers!.split(' ')[names!.split(' ').indexOf('InDatagrams')]);
  }

  #limitSender(device: Device, megabits: number): void {
    const root = ['dev', device, 'root', 'handle', '1:', 'stab', 'overhead', '24', 'linklayer', 'ethernet'];
    this.#tc('qdisc', 'replace', ...root, 'tbf', 'rate', `${megabits}mbit`, 'burst', '8kb', 'limit', '150kb');
  }

  /** From a2 to each interface of B 20 Mbit/s (section 4.2.2). */
  #limitPairs(): void {
    this.#tc('qdisc', 'del', 'dev', 'a2', 'root');
    this.#tc(
      ...['qdisc', 'add', 'dev', 'a2', 'root', 'handle', '1:'],
      ...['stab', 'overhead', '24', 'linklayer', 'ethernet', 'htb', 'default', '30'],
    );
    const klass = (parent: string, id: string, rate: number, ceil: number, burst: string) =>
      this.#tc(
        ...['class', 'add', 'dev', 'a2', 'parent', parent, 'classid', id, 'htb'],
        ...['rate', `${rate}mbit`, 'ceil', `${ceil}mbit`, 'burst', burst, 'cburst', burst],
      );
    klass('1:', '1:1', RATE, RATE, '8kb');
    klass('1:1', '1:30', 60, RATE, '8kb');
    for (const [id, address] of [
      ['1:10', '10.77.3.2'],
      ['1:20', '10.77.4.2'],
    ] as const) {
      klass('1:1', id, 20, 20, '3kb');
      this.#tc('qdisc', 'add', 'dev', 'a2', 'parent', id, 'bfifo', 'limit', '60kb');
      const match = ['u32', 'match', 'ip', 'dst', `${address}/32`, 'flowid', id];
      this.#tc('filter', 'add', 'dev', 'a2', 'parent', '1:', 'protocol', 'ip', ...match);
    }
  }

  #tc(...words: string[]): void {
    run('ip', ['netns', 'exec', this.lab.hostA, 'tc', ...words]);
  }
}

interface StatusPath {
  readonly tuple: { readonly source: string; readonly destination: string };
  readonly weight: number;
  readonly queuing: number;
  readonly octetsSent: number;
}

function wayOf({ source, destination }: StatusPath['tuple']): string {
  return `${source.split('.')[2]}-${destination.split('.')[2]}`;
}

function receivedMbits(text: string): number {
  const { end, error } = JSON.parse(text) as {
    error?: string;
    end?: { sum_received?: { bits_per_second: number }; sum?: { bits_per_second: number } };
  };
  const sum = end?.sum_received ?? end?.sum;
  if (error !== undefined || sum === undefined) throw new Error(`iperf3: ${error}`);
  return sum.bits_per_second / 1e6;
}
