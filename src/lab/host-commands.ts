import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { LabError } from './lab-error.js';

/** Debian packages of the commands that the lab uses. */
const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  tc: 'iproute2',
  ethtool: 'ethtool',
  iperf3: 'iperf3',
  mptcpize: 'mptcpize',
  'iptables-legacy': 'iptables',
};

/** What a command said. */
export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why the lab cannot be built here, in a sentence; undefined where it can. */
export function whyNoLab(): string | undefined {
  if (process.platform !== 'linux') return 'The lab needs the network namespaces of Linux.';
  if (process.getuid?.() !== 0) return 'The lab makes network namespaces; run it as root.';
  const has = (command: string) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)));
  const missing = Object.keys(PACKAGES).filter((command) => !has(command));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((command) => PACKAGES[command]))].join(' ');
    return `The lab needs ${missing.join(', ')}; install the packages: apt-get install ${packages}.`;
  }
  return existsSync('/dev/net/tun') ? undefined : 'The lab needs TUN devices, and /dev/net/tun is missing.';
}

/** Runs a command to its end. */
export function tryRun(command: string, args: readonly string[]): CommandResult {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return { ok: status === 0, stdout: stdout ?? '', stderr: error?.message ?? stderr.trim() };
}

/** Runs a command that has to succeed. @returns its standard output. @throws LabError with what it said. */
export function run(command: string, args: readonly string[]): string {
  const { ok, stdout, stderr } = tryRun(command, args);
  if (!ok) throw new LabError(`The command '${command} ${args.join(' ')}' failed: ${stderr || 'it said nothing'}.`);
  return stdout;
}

/** The words that run a command in a network namespace. */
export function inNamespace(namespace: string, command: readonly string[]): [string, string[]] {
  return ['ip', ['netns', 'exec', namespace, ...command]];
}

/** A program that runs in a namespace until it ends or is ended. */
export class Program {
  readonly #ended: Promise<number | null>;
  #output = '';
  #errors = '';

  private constructor(
    readonly command: readonly string[],
    private readonly child: ChildProcess,
  ) {
    // Not until everybody has closed its output: what it started may keep that open.
    this.#ended = once(child, 'exit').then(async ([code]) => {
      await Promise.race([once(child, 'close'), setTimeout(500)]);
      return code as number | null;
    });
    child.stdout?.on('data', (data) => (this.#output += data));
    child.stderr?.on('data', (data) => (this.#errors += data));
  }

  /** Starts a program; with `ready`, waits for a line of it that matches. @throws LabError when it ends before. */
  static async start(namespace: string, command: readonly string[], ready?: RegExp): Promise<Program> {
    const [first, rest] = inNamespace(namespace, command);
    // A group of its own: what it starts ends with it, and Ctrl-C reaches the lab alone, which ends it in order.
    const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const program = new Program(command, child);
    if (ready !== undefined) await program.#until(ready);
    return program;
  }

  async #until(ready: RegExp): Promise<void> {
    const { child } = this;
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout!, child.stderr!])
        createInterface({ input: stream }).on('line', (line) => {
          if (ready.test(line)) resolve();
        });
      void this.#ended.then((code) => reject(this.#fault(code)));
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get output(): string {
    return this.#output;
  }

  get errors(): string {
    return this.#errors;
  }

  /**
   * Waits for its end.
   * @param seconds after which it is ended by force; for ever without.
   * @returns its standard output.
   * @throws LabError when it failed, or did not end in its time.
   */
  async finish(seconds?: number): Promise<string> {
    const code = seconds === undefined ? await this.#ended : await this.#within(seconds);
    if (code === 'late') throw new LabError(`'${this.command.join(' ')}' did not end within ${seconds} s.`);
    if (code !== 0) throw this.#fault(code);
    return this.#output;
  }

  async #within(seconds: number): Promise<number | null | 'late'> {
    const timer = new AbortController();
    const late = setTimeout(seconds * 1000, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
    const code = await Promise.race([this.#ended, late]);
    timer.abort();
    if (code === 'late') await this.end();
    return code;
  }

  /** Ends it in order, and by force when it does not end within ten seconds. */
  async end(): Promise<void> {
    this.#signal('SIGTERM');
    const deadline = performance.now() + 10_000;
    await Promise.race([this.#ended, setTimeout(10_000, undefined, { ref: false })]);
    // A shell may end before the program that it started.
    while (this.#signal(0) && performance.now() < deadline) await setTimeout(50);
    if (this.#signal('SIGKILL')) await this.#ended;
  }

  /** Signals it and what it started. @returns false when all of it has ended. */
  #signal(name: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-this.pid, name);
    } catch {
      return false;
    }
  }

  #fault(code: number | null): LabError {
    const said = `${this.#errors}${this.#output}`.trim().split('\n').slice(-3).join(' ');
    return new LabError(`'${this.command.join(' ')}' ended with ${code}: ${said || 'it said nothing'}.`);
  }
}
