import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Death } from '../target.js';

/** Watches the process of a live peer. */
export interface Watch {
  /** Why the process is no more. */
  readonly death: Death | undefined;
  readonly canRestart: boolean;
  /** Octets of main memory that the process and its children use; undefined when the system does not say. */
  memory(): number | undefined;
  /** What it has printed lately. */
  output(): string;
  /** A new process in place of this one. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Characters of output that are kept. */
const OUTPUT = 64 * 1024;
/** How often the system is asked for a process, in milliseconds. */
const LOOK_EVERY = 5;
/** How long the output of a process that ended is waited for, in milliseconds. */
const LAST_WORDS = 200;
/** How long a process gets to end by itself. */
const GRACE = 2000;

/** A process that somebody else started. `restart` is a command line that starts it again and ends by itself. */
export class PidWatch implements Watch {
  readonly canRestart: boolean;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #death: Death | undefined;

  constructor(
    private readonly pid: () => number | undefined,
    private readonly restartCommand: string | undefined,
  ) {
    this.canRestart = restartCommand !== undefined;
  }

  get death(): Death | undefined {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_EVERY) return this.#death;
    this.#lookedAt = now;
    const pid = this.pid();
    this.#death = pid === undefined || isAlive(pid) ? undefined : { kind: 'gone', text: `The process ${pid} is gone.` };
    return this.#death;
  }

  memory(): number | undefined {
    const pid = this.pid();
    return pid === undefined ? undefined : residentOctets(pid);
  }

  output(): string {
    return '';
  }

  async restart(): Promise<void> {
    if (this.restartCommand !== undefined)
      spawnSync(this.restartCommand, { shell: true, stdio: 'ignore', timeout: 60_000 });
  }

  async close(): Promise<void> {}
}

/** A process that is started here from a command line, and again when it ends; its output is kept. */
export class SupervisedProcess implements Watch {
  readonly canRestart = true;
  #child: ChildProcess | undefined;
  #output = '';
  #death: Death | undefined;

  constructor(private readonly command: string) {}

  get death(): Death | undefined {
    return this.#death;
  }

  memory(): number | undefined {
    const pid = this.#child?.pid;
    return pid === undefined ? undefined : residentOctets(pid);
  }

  output(): string {
    return this.#output;
  }

  async restart(): Promise<void> {
    await this.close();
    this.#output = '';
    this.#death = undefined;
    // A group of its own, so that what the command starts ends with it.
    const child = spawn(this.command, { shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    const keep = (text: Buffer) => {
      this.#output = (this.#output + text.toString('utf8')).slice(-OUTPUT);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', (error) => {
      this.#death = { kind: 'not-started', text: error.message };
    });
    const ended = (code: number | null, signal: NodeJS.Signals | null) => {
      if (this.#child !== child || this.#death !== undefined) return;
      const lines = this.#output.trim().split('\n');
      const fault = lines.findLast((line) => /error|panic|fault|abort|assert|exception/i.test(line));
      const said = (fault ?? lines.at(-1) ?? '').trim();
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      const text = said === '' ? how : `${how}; it said: ${said.slice(0, 200)}`;
      this.#death = { kind: signal ?? `exit ${code}`, text };
    };
    // What it printed last may come after its end; a child of its own may keep the pipe open for ever.
    child.on('close', ended);
    child.on('exit', (code, signal) => setTimeout(() => ended(code, signal), LAST_WORDS).unref());
    await once(child, 'spawn').catch(() => {});
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined) return;
    const { pid } = child;
    const isOver = child.exitCode !== null || child.signalCode !== null;
    const gone = isOver ? Promise.resolve() : once(child, 'exit');
    signalGroup(pid, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), GRACE);
    await gone;
    clearTimeout(timer);
    // What the command left behind in its group.
    signalGroup(pid, 'SIGKILL');
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(statusOf(pid) ?? '');
  } catch (error) {
    // A process of somebody else is there too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function statusOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Resident memory of a process and its descendants, by /proc. */
function residentOctets(pid: number): number | undefined {
  const size = /^VmRSS:\s+(\d+) kB/m.exec(statusOf(pid) ?? '')?.[1];
  if (size === undefined) return undefined;
  let sum = Number(size) * 1024;
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    for (const child of children === '' ? [] : children.split(/\s+/)) sum += residentOctets(Number(child)) ?? 0;
  } catch {
    // Not every kernel lists children.
  }
  return sum;
}
