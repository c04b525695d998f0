import { setTimeout } from 'node:timers/promises';
import { type Device, NamespaceLab } from '../test/support/namespaces.js';
import { finish, type Program, start } from './wire-lab.js';

/** Mbit/s of one interface where nothing else is said. */
const RATE = 100;
/** Seconds at the beginning of a transfer that do not count. */
export const SETTLING = 8;
/** User data of a datagram that fills a packet of the host MTU, in octets. */
const DATAGRAM = 1446;
const PEER = [process.execPath, 'build/src/cli/mpip.js', 'peer'];
const SERVER = '10.77.3.2';

/** Mbit/s of both interfaces together. */
export const CAPACITY = 2 * RATE;

/** Two hosts of two interfaces each with rates, a router between them, and what can be measured over it. */
export class PathsLab {
  readonly lab = new NamespaceLab();

  constructor() {
    const { lab } = this;
    lab.switchOffloadsOff();
    lab.limitRate(RATE, ['a1', 'a2', 'b1', 'b2']);
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
    const words = ['-u', '-b', `${CAPACITY}M`, '-l', `${DATAGRAM}`, '-t', `${length}`];
    const running = finish(lab.hostA, undefined, ['iperf3', '-c', SERVER, '--json', ...words]);
    await setTimeout(SETTLING * 1000);
    const [before, since] = [this.#datagrams(), performance.now()];
    await setTimeout(seconds * 1000);
    const mbits = ((this.#datagrams() - before) * DATAGRAM * 8) / ((performance.now() - since) * 1000);
    receivedMbits(await running);
    await serving.end().catch(() => {});
    return mbits;
  }

  /** Runs something while a peer runs on both hosts. */
  async withPeers<Result>(options: readonly string[], during: () => Promise<Result>): Promise<Result> {
    const { lab } = this;
    const peer = (host: string, devices: readonly Device[]) => {
      const interfaces = devices.flatMap((device) => ['--interface', device]);
      return start(host, undefined, [...PEER, ...interfaces, ...options], /^ready/);
    };
    const running: Program[] = await Promise.all([peer(lab.hostA, ['a1', 'a2']), peer(lab.hostB, ['b1', 'b2'])]);
    try {
      return await during();
    } finally {
      await Promise.all(running.map((program) => program.end()));
    }
  }

  #datagrams(): number {
    const { lab } = this;
    const [names, numbers] = lab.exec(lab.hostB, 'cat', '/proc/net/snmp').match(/^Udp: .*$/gm)!;
    return Number(numbers!.split(' ')[names!.split(' ').indexOf('InDatagrams')]);
  }
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
