import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

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
    const ends: [string, string, number][] = [
      [this.hostA, 'a1', 1],
      [this.hostA, 'a2', 2],
      [this.hostB, 'b1', 3],
      [this.hostB, 'b2', 4],
    ];
    for (const [host, device, net] of ends) this.#link(host, device, net);
    run('ip', ['netns', 'exec', this.router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  }

  #link(host: string, device: string, net: number): void {
    const far = `r${device}`;
    const gateway = `10.77.${net}.1`;
    run('ip', ['link', 'add', device, 'netns', host, 'type', 'veth', 'peer', 'name', far, 'netns', this.router]);
    run('ip', ['-n', host, 'addr', 'add', `10.77.${net}.2/24`, 'dev', device]);
    run('ip', ['-n', this.router, 'addr', 'add', `${gateway}/24`, 'dev', far]);
    // Without IPv6 nothing changes by itself while a test looks.
    run('ip', ['-n', host, 'link', 'set', device, 'addrgenmode', 'none', 'up']);
    run('ip', ['-n', this.router, 'link', 'set', far, 'addrgenmode', 'none', 'up']);
    run('ip', ['-n', host, 'route', 'add', 'default', 'via', gateway, 'dev', device, 'metric', `${100 + net}`]);
    // A packet leaves by the interface whose address it has, as on any host with two uplinks.
    run('ip', ['-n', host, 'route', 'add', 'default', 'via', gateway, 'dev', device, 'table', `${net}`]);
    run('ip', ['-n', host, 'rule', 'add', 'from', `10.77.${net}.2`, 'lookup', `${net}`]);
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
    const line = await first;
    const end = async (signal: NodeJS.Signals) => {
      child.kill(signal);
      const code = await ended;
      this.#children.delete(child);
      return { code, output };
    };
    const running = { line, end, output: () => output };
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
  /** Everything that it printed so far. */
  output(): string;
}

/** How a program ended, with everything that it printed. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const PREFIX = 'mpip-test-';
const FOLDER = '/var/run/netns';

/** Why the lab cannot be made here, in a sentence; undefined where it can. */
export function whyNoNamespaces(): string | undefined {
  const has = (command: string) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)));
  if (process.platform !== 'linux') return 'Network namespaces exist on Linux only.';
  if (process.getuid?.() !== 0) return 'Network namespaces are made by root only.';
  const missing = ['ip', 'tc', 'dumpcap', 'tshark'].filter((command) => !has(command));
  if (missing.length > 0) return `${missing.join(', ')} is missing; install iproute2 and tshark.`;
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

/** Runs a command that has to succeed. @returns its standard output. */
export function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
