import { formatIpv4, type Ipv4, parseIpv4 } from '../../codec/index.js';
import { tryCommand } from './command.js';
import { controlMessageFilter } from './control-message-filter.js';
import { HostError } from './libc.js';
import { setOffload } from './offloads.js';
import { filterText } from './packet-filter.js';
import {
  forgetVanishedNamespaces,
  type HostChange,
  type HostState,
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
  /** What stays of them for a while. */
  readonly shields: readonly HostState[];
}

/**
 * The changes that this process made to the host's network. Each is noted in a file below `RUN_FOLDER` before it is made,
 * so that it can be undone also when the process is killed. The TUN device ends with the process by itself.
 */
export class HostChanges {
  readonly #owner: Owner = ownIdentity();
  #changes: HostChange[] = [];
  #control: string | undefined;
  #addresses: readonly string[] = [];

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

  /** Notes the addresses whose packets are the node's, for a shield when it is killed. */
  noteAddresses(addresses: readonly Ipv4[]): void {
    const texts = addresses.map(formatIpv4);
    if (texts.join() === this.#addresses.join()) return;
    this.#addresses = texts;
    this.#save();
  }

  /** Notes changes of a process that was killed as this one's, as they are needed here too. */
  adopt(changes: readonly HostChange[]): void {
    for (const change of changes) this.make(change, () => {});
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
    const addresses = this.#addresses;
    writeState({ version: 1, ...this.#owner, interfaces, addresses, ...control, changes: this.#changes });
  }
}

/** How `undoLeftovers` works. */
export interface UndoOptions {
  /**
   * What kept the kernel from packets of the node stays, but only packets with a CM are dropped (docs/decisions.md 60);
   * called once more without it, everything is undone.
   */
  readonly isShielding?: boolean;
  /** Only what this process left. */
  readonly pid?: number;
}

/**
 * Undoes what dead processes left in this network namespace, and forgets what they left in namespaces that are gone. A
 * file that cannot be read is reported and stays. Call it with the host locked.
 */
export function undoLeftovers({ isShielding = false, pid }: UndoOptions = {}): Leftovers {
  const vanished = forgetVanishedNamespaces();
  const undone: number[] = [];
  const alive: number[] = [];
  const problems: string[] = [];
  const shields: HostState[] = [];
  for (const file of stateFiles(networkNamespace())) {
    const { path, state } = file;
    if (pid !== undefined && state?.pid !== pid) continue;
    if (state === undefined) {
      problems.push(`${path} is damaged; look at it and remove it.`);
      continue;
    }
    if (isAlive(state)) {
      alive.push(state.pid);
      continue;
    }
    const kept = isShielding ? shield(state) : [];
    const failed = undoAll(state.changes.filter((change) => !kept.includes(change)));
    problems.push(...failed);
    if (failed.length > 0) continue;
    undone.push(state.pid);
    if (kept.length === 0) removeState(file);
    else {
      const { control: _, ...rest } = state;
      shields.push({ ...rest, changes: kept });
      writeState(shields.at(-1)!);
    }
  }
  return { undone, alive, vanished, problems, shields };
}

/**
 * A process takes over from killed ones: their shields go, and what it adopted stays. Call it with the host locked.
 * @returns sentences on what could not be undone.
 */
export function liftShields(shields: readonly HostState[], isAdopted: (change: HostChange) => boolean): string[] {
  return shields.flatMap((state) => {
    const failed = undoAll(state.changes.filter((change) => !isAdopted(change)));
    if (failed.length === 0) removeState({ path: runPath(state, 'json'), state });
    return failed;
  });
}

/**
 * Where a killed process dropped all that was its node's, from now on packets with a CM are dropped: peers may still send
 * them, and streams of the kernel would be spoiled. Segments must not be joined meanwhile.
 * @returns the changes that stay for it.
 */
function shield({ changes, addresses = [] }: HostState): HostChange[] {
  const filters = changes.flatMap((change) => (change.kind === 'filter' ? [change] : []));
  const text = addresses.length === 0 ? '' : filterText(controlMessageFilter(addresses.map(parseIpv4)));
  const shielded = new Set(
    filters
      .filter(({ device, priority }) => text !== '' && putFilter(device, priority, text))
      .map(({ device }) => device),
  );
  return changes.filter((change) => 'device' in change && shielded.has(change.device));
}

/** Undoes changes, last first; those that are gone already are no problem. */
function undoAll(changes: readonly HostChange[]): string[] {
  return [...changes].reverse().flatMap((change) => {
    try {
      return undoOne(change) ?? [];
    } catch (error) {
      // The others are undone all the same.
      if (error instanceof HostError) return [error.message];
      throw error;
    }
  });
}

/** Puts a filter in the place of another one. @returns false when the device is gone. */
function putFilter(device: string, priority: number, text: string): boolean {
  const place = ['dev', device, 'ingress', 'prio', String(priority), 'handle', '1', 'protocol', 'ip'];
  return tryCommand('tc', ['filter', 'replace', ...place, 'bpf', 'direct-action', 'bytecode', text]).ok;
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
