import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

/**
 * Two hosts with two interfaces each and a router between them, in network namespaces of their own:
 *
 *     hostA  a1 10.77.1.2, a2 10.77.2.2  ─ router ─  b1 10.77.3.2, b2 10.77.4.2  hostB
 *
 * Nothing outside them is touched. Their names hold the number of this process, so that those of a killed one can go.
 */
export class NamespaceLab {
  readonly hostA = `${PREFIX}${process.pid}-a`;
  readonly hostB = `${PREFIX}${process.pid}-b`;
  readonly router = `${PREFIX}${process.pid}-r`;
  readonly #children = new Set<ChildProcess>();
  readonly #peers = new Set<Running>();
  readonly #onExit = () => this.close();

  constructor() {
    removeLeftNamespaces();
    process.once('exit', this.#onExit);
    const all = [this.hostA, this.hostB, this.router];
    for (const name of all) {
      run('ip', ['netns', 'add', name]);
      run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    }
    for (const device of DEVICES) this.link(device);
    this.setKernel(this.router, 'net/ipv4/ip_forward', 1);
  }

  /** Makes an interface of a host, with its far end at the router, address and routes. */
  link(device: Device): void {
    const host = this.hostOf(device);
    const net = NETS[device];
    const far = `r${device}`;
    const gateway = `10.77.${net}.1`;
    run('ip', ['link', 'add', device, 'netns', host, 'type', 'veth', 'peer', 'name', far, 'netns', this.router]);
    this.#addAddress(device);
    run('ip', ['-n', this.router, 'addr', 'add', `${gateway}/24`, 'dev', far]);
    // Without IPv6 nothing changes by itself while a test looks.
    run('ip', ['-n', host, 'link', 'set', device, 'addrgenmode', 'none', 'up']);
    run('ip', ['-n', this.router, 'link', 'set', far, 'addrgenmode', 'none', 'up']);
    this.#addRoutes(device);
    run('ip', ['-n', host, 'rule', 'add', 'pref', `${20_000 + net}`, 'from', `10.77.${net}.2`, 'lookup', `${net}`]);
  }

  #addRoutes(device: Device): void {
    const net = NETS[device];
    const way = ['default', 'via', `10.77.${net}.1`, 'dev', device];
    run('ip', ['-n', this.hostOf(device), 'route', 'replace', ...way, 'metric', `${100 + net}`]);
    // A packet leaves by the interface whose address it has, as on any host with two uplinks.
    run('ip', ['-n', this.hostOf(device), 'route', 'replace', ...way, 'table', `${net}`]);
  }

  #addAddress(device: Device): void {
    run('ip', ['-n', this.hostOf(device), 'addr', 'replace', `10.77.${NETS[device]}.2/24`, 'dev', device]);
  }

  /** Gives an interface the address and the routes that it has lost, as the network manager of the host would. */
  restore(device: Device): void {
    this.#addAddress(device);
    this.#addRoutes(device);
  }

  /** The host that has an interface. */
  hostOf(device: Device): string {
    return device === 'a1' || device === 'a2' ? this.hostA : this.hostB;
  }

  /** Takes an interface of a host down, and with it its routes. */
  linkDown(device: Device): void {
    run('ip', ['-n', this.hostOf(device), 'link', 'set', device, 'down']);
  }

  /** Brings it up again and gives its routes back, as the network manager of the host would. */
  linkUp(device: Device): void {
    run('ip', ['-n', this.hostOf(device), 'link', 'set', device, 'up']);
    this.#addRoutes(device);
  }

  /** No card of a real network joins, splits or leaves unsummed what a capture shows: neither does any here. */
  switchOffloadsOff(): void {
    for (const [namespace, device] of this.#bothEnds(DEVICES))
      this.exec(namespace, 'ethtool', '-K', device, 'tx', 'off', 'rx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off');
  }

  /** The kernel cuts super-packets and trains, and sums, before the wire, as for a simple card: captures show each packet. */
  cutBeforeTheWire(): void {
    for (const [namespace, device] of this.#bothEnds(DEVICES))
      this.exec(namespace, 'ethtool', '-K', device, 'tx', 'off', 'tx-udp-segmentation', 'off', 'gro', 'off');
  }

  /** Limits links in both directions to a rate of 100BASE-T's kind: preamble, checksum and gap count too. */
  limitRate(megabits: number, devices: readonly Device[], shaper: 'tbf' | 'htb' = 'tbf'): void {
    const rate = ['rate', `${megabits}mbit`, 'burst', '8kb'];
    for (const [namespace, device] of this.#bothEnds(devices)) {
      const tc = (...words: string[]) => this.exec(namespace, 'tc', ...words);
      const root = ['dev', device, 'root', 'handle', '1:', 'stab', 'overhead', '24', 'linklayer', 'ethernet'];
      if (shaper === 'tbf') tc('qdisc', 'replace', ...root, 'tbf', ...rate, 'limit', '150kb');
      else {
        tc('qdisc', 'replace', ...root, 'htb', 'default', '1');
        tc('class', 'replace', 'dev', device, 'parent', '1:', 'classid', '1:1', 'htb', ...rate, 'cburst', '8kb');
        tc('qdisc', 'replace', 'dev', device, 'parent', '1:1', 'bfifo', 'limit', '150kb');
      }
    }
  }

  /** Takes every limit off. */
  unlimitRates(): void {
    for (const [namespace, device] of this.#bothEnds(DEVICES))
      spawnSync('ip', ['netns', 'exec', namespace, 'tc', 'qdisc', 'del', 'dev', device, 'root']);
  }

  /** Octets that an interface of a host has sent, with their Ethernet headers. */
  octetsSent(device: Device): number {
    const [link] = JSON.parse(run('ip', ['-n', this.hostOf(device), '-j', '-s', 'link', 'show', device]));
    return (link as { stats64: { tx: { bytes: number } } }).stats64.tx.bytes;
  }

  #bothEnds(devices: readonly Device[]): [namespace: string, device: string][] {
    return devices.flatMap((device): [string, string][] => [
      [this.hostOf(device), device],
      [this.router, `r${device}`],
    ]);
  }

  /** Sets a number of a namespace's kernel, by its name below /proc/sys. */
  setKernel(namespace: string, name: string, value: number): void {
    this.exec(namespace, 'sh', '-c', `echo ${value} > /proc/sys/${name}`);
  }

  /** Runs a command that has to succeed in a namespace, to its end. @returns its standard output. */
  exec(namespace: string, command: string, ...args: readonly string[]): string {
    return run('ip', ['netns', 'exec', namespace, command, ...args]);
  }

  /** Starts a program in a namespace whose input and output the caller holds. */
  open(namespace: string, command: string, args: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn('ip', ['netns', 'exec', namespace, command, ...args]);
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    return child;
  }

  /** Runs a program in a namespace while the caller does other things. @returns its standard output. */
  async finish(namespace: string, command: string, ...args: readonly string[]): Promise<string> {
    const child = this.open(namespace, command, args);
    let output = '';
    let errors = '';
    child.stdin.end();
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (errors += data));
    const words = `${command} ${args.join(' ')}`;
    const ended = once(child, 'close');
    const [code] = await within(LONGEST_RUN_MS, ended, () => `${words} did not end; it said: ${errors}${output}`);
    if (code !== 0) throw new Error(`${words} ended with ${code}: ${errors}${output}`);
    return output;
  }

  /** Starts a program in a namespace and waits for a line that it prints. `isPeer`: `endPeers` is to end it. */
  async start(
    namespace: string,
    command: string,
    args: readonly string[],
    ready: RegExp,
    isPeer = false,
  ): Promise<Running> {
    const child = spawn('ip', ['netns', 'exec', namespace, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    let output = '';
    const ended = once(child, 'close').then(([code]) => code as number | null);
    const first = new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream }).on('line', (line) => {
          output += `${line}\n`;
          if (ready.test(line)) resolve(line);
        });
      void ended.then((code) => reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${output}`)));
    });
    const words = `${command} ${args.join(' ')}`;
    const line = await within(LONGEST_MS, first, () => `${words} never said ${ready}; it said: ${output}`);
    const finish = async () => {
      const code = await within(LONGEST_RUN_MS, ended, () => `${words} does not end; it said: ${output}`);
      this.#children.delete(child);
      return { code, output };
    };
    const end = (signal: NodeJS.Signals) => {
      child.kill(signal);
      return finish();
    };
    const until = async (pattern: RegExp) => {
      const end = performance.now() + LONGEST_MS;
      const matching = () => output.split('\n').find((text) => pattern.test(text));
      for (let found = matching(); ; found = matching()) {
        if (found !== undefined) return found;
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`${command} ended before it said ${pattern}: ${output}`);
        if (performance.now() > end) throw new Error(`${words} never said ${pattern}; it said: ${output}`);
        await setTimeout(20);
      }
    };
    const signal = (name: NodeJS.Signals) => void child.kill(name);
    const running = { line, end, finish, until, signal, pid: child.pid!, output: () => output };
    if (isPeer) this.#peers.add(running);
    return running;
  }

  /** Ends the peers that still run, in order, so that the next test finds the hosts as they were. */
  async endPeers(): Promise<void> {
    for (const peer of this.#peers) await peer.end('SIGTERM');
    this.#peers.clear();
  }

  /** What can be seen of a host's network: rules, every table of routes, links, filters. */
  snapshot(namespace: string): string {
    const show = (...args: string[]) => run('ip', ['netns', 'exec', namespace, ...args]);
    return [
      show('ip', 'rule'),
      show('ip', 'route', 'show', 'table', 'all'),
      show('ip', '-o', 'addr'),
      show('tc', 'qdisc', 'show'),
      ...this.#devicesOf(namespace).map((device) => show('tc', 'filter', 'show', 'dev', device, 'ingress')),
    ].join('\n');
  }

  #devicesOf(namespace: string): string[] {
    if (namespace === this.hostA) return ['a1', 'a2'];
    return namespace === this.hostB ? ['b1', 'b2'] : [];
  }

  /** Ends every process of the namespaces and removes them. */
  close(): void {
    process.removeListener('exit', this.#onExit);
    for (const child of this.#children) child.kill('SIGKILL');
    for (const name of [this.hostA, this.hostB, this.router]) removeNamespace(name);
  }
}

/** A program that runs in a namespace. */
export interface Running {
  /** The line that was waited for. */
  readonly line: string;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ended>;
  /** Waits for its end. */
  finish(): Promise<Ended>;
  /** Everything that it printed so far. */
  output(): string;
  readonly pid: number;
  /** Sends a signal. */
  signal(name: NodeJS.Signals): void;
  /** The first line that matches, once there is one. */
  until(pattern: RegExp): Promise<string>;
}

/** How a program ended, with everything that it printed. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** The interfaces of the two hosts. */
export type Device = 'a1' | 'a2' | 'b1' | 'b2';
const DEVICES: readonly Device[] = ['a1', 'a2', 'b1', 'b2'];
/** The third octet of their networks. */
const NETS: Readonly<Record<Device, number>> = { a1: 1, a2: 2, b1: 3, b2: 4 };

/** Longer than a command, the start or the end of a program takes on a machine that has much else to do. */
const LONGEST_MS = 120_000;
/** The same for a program that does something over the network to its end. */
const LONGEST_RUN_MS = 300_000;

const PREFIX = 'mpip-test-';
const FOLDER = '/var/run/netns';

/** Why the lab cannot be made here, in a sentence; undefined where it can. `commands`: what a test needs besides. */
export function whyNoNamespaces(...commands: readonly string[]): string | undefined {
  const has = (command: string) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)));
  if (process.platform !== 'linux') return 'Network namespaces exist on Linux only.';
  if (process.getuid?.() !== 0) return 'Network namespaces are made by root only.';
  const missing = ['ip', 'tc', 'dumpcap', 'tshark', ...commands].filter((command) => !has(command));
  if (missing.length > 0) return `${missing.join(', ')} is missing; scripts/verify.mjs names the Debian packages.`;
  if (!existsSync('/dev/net/tun')) return '/dev/net/tun is missing.';
  const probe = `${PREFIX}${process.pid}-p`;
  const { status, stderr } = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  removeNamespace(probe);
  return status === 0 ? undefined : `Network namespaces cannot be made here: ${stderr.trim()}`;
}

function removeNamespace(name: string): void {
  if (!existsSync(join(FOLDER, name))) return;
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of (stdout ?? '').split('\n').filter((line) => line !== ''))
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  spawnSync('ip', ['netns', 'del', name]);
}

/** Removes the namespaces of test processes that are dead. */
function removeLeftNamespaces(): void {
  if (!existsSync(FOLDER)) return;
  for (const name of readdirSync(FOLDER)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}

/** Waits for something, but not for ever. @throws Error with `what` after `longestMs`. */
async function within<T>(longestMs: number, promise: Promise<T>, what: () => string): Promise<T> {
  const over = new AbortController();
  const late = setTimeout(longestMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${what()} (waited for ${longestMs / 1000} s)`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}

/** Runs a command that has to succeed. @returns its standard output. */
export function run(command: string, args: readonly string[]): string {
  const limits = { maxBuffer: 1 << 28, timeout: LONGEST_MS };
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', ...limits });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
