import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryCommand } from './command.js';
import { HostError } from './libc.js';
import { type Offload, setOffload } from './offloads.js';

/** Where processes note what they changed on the host; it lives as long as the changes do: until the next boot. */
export const RUN_FOLDER = '/run/mpip';

/** A change of the host's network that outlives the process, as far as it must be known to undo it. */
export type HostChange =
  | { readonly kind: 'rule'; readonly priority: number; readonly protocol: 'tcp' | 'udp'; readonly table: number }
  | { readonly kind: 'table'; readonly table: number }
  | { readonly kind: 'qdisc'; readonly device: string }
  | { readonly kind: 'filter'; readonly device: string; readonly priority: number }
  | { readonly kind: 'offload'; readonly device: string; readonly offload: Offload };

/** Whose changes a file holds. A process number alone may be given to another process. */
interface Owner {
  readonly pid: number;
  readonly started: string;
  readonly namespace: string;
}

interface StateFile extends Owner {
  readonly version: 1;
  readonly changes: readonly HostChange[];
}

/** What `undoLeftovers` found. */
export interface Leftovers {
  /** Process numbers of dead processes whose changes were undone. */
  readonly undone: readonly number[];
  /** Process numbers of living processes; their changes stay. */
  readonly alive: readonly number[];
  /** Sentences on what could not be undone. */
  readonly problems: readonly string[];
}

/**
 * The changes that this process made to the host's network. Each is noted in a file below `RUN_FOLDER` before it is made,
 * so that it can be undone also when the process is killed. The TUN device ends with the process by itself.
 */
export class HostChanges {
  readonly #owner: Owner;
  readonly #path: string;
  #changes: HostChange[] = [];

  /** @throws HostError when the folder cannot be written. */
  constructor() {
    this.#owner = { pid: process.pid, started: startOf(process.pid)!, namespace: networkNamespace() };
    this.#path = join(RUN_FOLDER, `${this.#owner.namespace}-${this.#owner.pid}.json`);
    try {
      mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o700 });
      this.#save();
    } catch (error) {
      const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
      throw new HostError(code, `${RUN_FOLDER} cannot be written (${code}); run it as root.`);
    }
  }

  /** Notes a change and makes it. */
  make(change: HostChange, doIt: () => void): void {
    this.#changes.push(change);
    this.#save();
    doIt();
  }

  /** Undoes every change, last first, and forgets them. @returns sentences on what could not be undone. */
  undo(): string[] {
    const problems = undoAll(this.#changes);
    this.#changes = [];
    rmSync(this.#path, { force: true });
    return problems;
  }

  #save(): void {
    const state: StateFile = { version: 1, ...this.#owner, changes: this.#changes };
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

/** Undoes what dead processes left in this network namespace. A file that cannot be read is reported and stays. */
export function undoLeftovers(): Leftovers {
  const undone: number[] = [];
  const alive: number[] = [];
  const problems: string[] = [];
  for (const path of stateFiles()) {
    const state = readState(path);
    if (state === undefined) {
      problems.push(`${path} is damaged; look at it and remove it.`);
      continue;
    }
    if (startOf(state.pid) === state.started) {
      alive.push(state.pid);
      continue;
    }
    const failed = undoAll(state.changes);
    problems.push(...failed);
    if (failed.length === 0) {
      undone.push(state.pid);
      rmSync(path, { force: true });
    }
  }
  return { undone, alive, problems };
}

function stateFiles(): string[] {
  const prefix = `${networkNamespace()}-`;
  try {
    return readdirSync(RUN_FOLDER)
      .filter((name) => name.startsWith(prefix) && name.endsWith('.json'))
      .map((name) => join(RUN_FOLDER, name));
  } catch {
    return [];
  }
}

function readState(path: string): StateFile | undefined {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as StateFile;
    return state.version === 1 && Array.isArray(state.changes) ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Undoes changes, last first; those that are gone already are no problem. */
function undoAll(changes: readonly HostChange[]): string[] {
  return [...changes].reverse().flatMap((change) => {
    const problem = undoOne(change);
    return problem === undefined ? [] : [problem];
  });
}

const GONE = /Cannot find|No such file|does not exist|No such process|No such device/;

function undoOne(change: HostChange): string | undefined {
  if (change.kind === 'offload') {
    setOffload(change.device, change.offload, true);
    return undefined;
  }
  if (change.kind === 'qdisc' && hasFilters(change.device)) return undefined;
  const [command, args] = undoingCommand(change);
  const { ok, stderr } = tryCommand(command, args);
  if (ok || GONE.test(stderr)) return undefined;
  return `'${command} ${args.join(' ')}' failed (${stderr.split('\n')[0]}); run it by hand.`;
}

function undoingCommand(change: Exclude<HostChange, { kind: 'offload' }>): ['ip' | 'tc', string[]] {
  switch (change.kind) {
    case 'rule': {
      const { priority, protocol, table } = change;
      return ['ip', ['-4', 'rule', 'del', 'pref', `${priority}`, 'ipproto', protocol, 'lookup', `${table}`]];
    }
    case 'table':
      return ['ip', ['-4', 'route', 'flush', 'table', `${change.table}`]];
    case 'qdisc':
      return ['tc', ['qdisc', 'del', 'dev', change.device, 'clsact']];
    case 'filter':
      return ['tc', ['filter', 'del', 'dev', change.device, 'ingress', 'prio', `${change.priority}`]];
  }
}

/** True when somebody else's filters hang on the interface: then the place they hang on stays. */
function hasFilters(device: string): boolean {
  return ['ingress', 'egress'].some((side) => tryCommand('tc', ['filter', 'show', 'dev', device, side]).stdout !== '');
}

/** When a process began, in ticks since boot; undefined when there is none of that number. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie holds nothing any more.
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The inode number of this process's network namespace. */
function networkNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/net'))![0];
}
