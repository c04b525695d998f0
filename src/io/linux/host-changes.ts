import { tryCommand } from './command.js';
import { setOffload } from './offloads.js';
import {
  forgetVanishedNamespaces,
  type HostChange,
  isAlive,
  makeRunFolder,
  networkNamespace,
  type Owner,
  ownIdentity,
  removeState,
  runPath,
  stateFiles,
  writeState,
} from './state-files.js';

/** What `undoLeftovers` found. */
export interface Leftovers {
  /** Process numbers of dead processes whose changes were undone. */
  readonly undone: readonly number[];
  /** Process numbers of living processes; their changes stay. */
  readonly alive: readonly number[];
  /** Files of network namespaces that are gone; they were removed. */
  readonly vanished: number;
  /** Sentences on what could not be undone. */
  readonly problems: readonly string[];
}

/**
 * The changes that this process made to the host's network. Each is noted in a file below `RUN_FOLDER` before it is made,
 * so that it can be undone also when the process is killed. The TUN device ends with the process by itself.
 */
export class HostChanges {
  readonly #owner: Owner = ownIdentity();
  #changes: HostChange[] = [];
  #control: string | undefined;

  /**
   * @param interfaces names of the interfaces that the process uses.
   * @throws HostError when the folder cannot be written.
   */
  constructor(private readonly interfaces: readonly string[]) {
    makeRunFolder();
    this.#save();
  }

  /** Where this process's control socket is when no other place is wanted. */
  get defaultControl(): string {
    return runPath(this.#owner, 'sock');
  }

  /** Notes where the control socket is, so that it is found without being told. */
  noteControl(path: string): void {
    this.#control = path;
    this.#save();
  }

  /** Notes a change, once, and makes it. */
  make(change: HostChange, doIt: () => void): void {
    const text = JSON.stringify(change);
    if (!this.#changes.some((known) => JSON.stringify(known) === text)) {
      this.#changes.push(change);
      this.#save();
    }
    doIt();
  }

  /** Undoes every change, last first, and forgets them. @returns sentences on what could not be undone. */
  undo(): string[] {
    const problems = undoAll(this.#changes);
    this.#changes = [];
    removeState({ path: runPath(this.#owner, 'json'), state: undefined });
    return problems;
  }

  #save(): void {
    const { interfaces } = this;
    const control = this.#control === undefined ? {} : { control: this.#control };
    writeState({ version: 1, ...this.#owner, interfaces, ...control, changes: this.#changes });
  }
}

/**
 * Undoes what dead processes left in this network namespace, and forgets what they left in namespaces that are gone. A
 * file that cannot be read is reported and stays. Call it with the host locked.
 */
export function undoLeftovers(): Leftovers {
  const vanished = forgetVanishedNamespaces();
  const undone: number[] = [];
  const alive: number[] = [];
  const problems: string[] = [];
  for (const file of stateFiles(networkNamespace())) {
    const { path, state } = file;
    if (state === undefined) {
      problems.push(`${path} is damaged; look at it and remove it.`);
      continue;
    }
    if (isAlive(state)) {
      alive.push(state.pid);
      continue;
    }
    const failed = undoAll(state.changes);
    problems.push(...failed);
    if (failed.length === 0) {
      undone.push(state.pid);
      removeState(file);
    }
  }
  return { undone, alive, vanished, problems };
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
