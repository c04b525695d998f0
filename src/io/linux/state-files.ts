import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { HostError, libc } from './libc.js';
import type { Offload } from './offloads.js';

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
export interface Owner {
  readonly pid: number;
  /** When the process began, in ticks since boot. */
  readonly started: string;
  /** Number of its network namespace. */
  readonly namespace: string;
}

/** What a process notes about itself. */
export interface HostState extends Owner {
  readonly version: 1;
  /** Names of the interfaces that it uses. */
  readonly interfaces: readonly string[];
  /** Path of its control socket. */
  readonly control?: string;
  /** Addresses whose packets are the process's, in dotted form. */
  readonly addresses?: readonly string[];
  readonly changes: readonly HostChange[];
}

/** A state file; `state` is undefined when it cannot be read. */
export interface StateFile {
  readonly path: string;
  readonly state: HostState | undefined;
}

/** LOCK_EX, without waiting (LOCK_NB). */
const LOCK_EXCLUSIVE_NOW = 2 | 4;
/** How long another process may change the host before this one gives up, and how often it looks. */
const LONGEST_LOCK_MS = 60_000;
const LOCK_CHECK_MS = 20;
const O_RDWR_CLOEXEC = 0o2 | 0o2000000;

/** This process as an owner. */
export function ownIdentity(): Owner {
  return { pid: process.pid, started: startOf(process.pid)!, namespace: networkNamespace() };
}

/** The path of something that a process keeps below `RUN_FOLDER`. */
export function runPath({ namespace, pid }: Owner, ending: string): string {
  return join(RUN_FOLDER, `${namespace}-${pid}.${ending}`);
}

/** Makes the folder; only its owner may look in. @throws HostError when it cannot be made. */
export function makeRunFolder(): void {
  try {
    mkdirSync(RUN_FOLDER, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(error);
  }
}

/** Writes a state file in one piece. @throws HostError */
export function writeState(state: HostState): void {
  const path = runPath(state, 'json');
  try {
    writeFileSync(`${path}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw unwritable(error);
  }
}

function unwritable(error: unknown): HostError {
  const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
  return new HostError(code, `${RUN_FOLDER} cannot be written (${code}); run it as root.`);
}

/** The state files of a network namespace; of every one when none is given. */
export function stateFiles(namespace?: string): StateFile[] {
  const names = namesBelowRunFolder().filter(
    (name) => name.endsWith('.json') && (namespace === undefined || name.startsWith(`${namespace}-`)),
  );
  return names.map((name) => join(RUN_FOLDER, name)).map((path) => ({ path, state: readState(path) }));
}

function namesBelowRunFolder(): string[] {
  try {
    return readdirSync(RUN_FOLDER);
  } catch {
    return [];
  }
}

function readState(path: string): HostState | undefined {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as HostState;
    return state.version === 1 && Array.isArray(state.changes)
      ? { ...state, interfaces: state.interfaces ?? [] }
      : undefined;
  } catch {
    return undefined;
  }
}

/** True while the process that wrote a state runs. */
export function isAlive({ pid, started }: Owner): boolean {
  return startOf(pid) === started;
}

/** Removes a state file and the control socket beside it. */
export function removeState({ path }: StateFile): void {
  rmSync(path, { force: true });
  rmSync(path.replace(/json$/, 'sock'), { force: true });
}

/**
 * Removes what is left of dead processes whose network namespace has gone, and their changes with it: its number may be
 * given to another one.
 * @returns the number of files.
 */
export function forgetVanishedNamespaces(): number {
  const candidates = stateFiles().filter(({ state }) => state !== undefined && !isAlive(state));
  if (candidates.length === 0) return 0;
  const present = namespacesInUse();
  const vanished = candidates.filter(({ state }) => !present.has(state!.namespace));
  for (const file of vanished) removeState(file);
  return vanished.length;
}

/** Numbers of the network namespaces that a process is in or that are mounted somewhere. */
function namespacesInUse(): Set<string> {
  const numbers = new Set<string>();
  const note = (text: string) => {
    for (const [, number] of text.matchAll(/net:\[(\d+)\]/g)) numbers.add(number!);
  };
  const attempt = (doIt: () => void) => {
    try {
      doIt();
    } catch {
      // The process ended meanwhile, or there is no such folder.
    }
  };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    attempt(() => note(readlinkSync(`/proc/${pid}/ns/net`)));
  attempt(() => note(readFileSync('/proc/self/mountinfo', 'utf8')));
  attempt(() => {
    for (const name of readdirSync('/run/netns'))
      attempt(() => numbers.add(String(statSync(`/run/netns/${name}`).ino)));
  });
  return numbers;
}

/**
 * Runs something while no other process of the project changes the host: two that undo and make the same changes at once
 * would take away each other's. Nothing else happens in this process while it waits for the others.
 * @param longestMs how long it waits.
 * @throws HostError when the folder cannot be used, or another process does not come to an end.
 */
export function withHostLock<T>(doIt: () => T, longestMs = LONGEST_LOCK_MS): T {
  makeRunFolder();
  const path = join(RUN_FOLDER, 'lock');
  try {
    writeFileSync(path, '', { flag: 'a', mode: 0o600 });
  } catch (error) {
    throw unwritable(error);
  }
  const c = libc();
  const fd = c.check(c.open(path, O_RDWR_CLOEXEC), `Opening ${path}`, 'look at its owner and mode');
  try {
    const end = performance.now() + longestMs;
    while (c.flock(fd, LOCK_EXCLUSIVE_NOW) < 0) {
      if (c.errorName() !== 'EAGAIN') c.check(-1, `Locking ${path}`, 'try again');
      if (performance.now() > end) throw lockedOut(path, longestMs);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_CHECK_MS);
    }
    return doIt();
  } finally {
    c.close(fd);
  }
}

/** Another process holds the lock for too long: which one, as far as the kernel tells. */
function lockedOut(path: string, longestMs: number): HostError {
  const { ino } = statSync(path);
  const [, holder] = new RegExp(`FLOCK +ADVISORY +WRITE +(\\d+) +\\S+:${ino} `).exec(readLocks()) ?? [];
  const who = holder === undefined || holder === '0' ? 'Another process' : `Process ${holder}`;
  return new HostError(
    'EBUSY',
    `${who} has been changing this host for ${longestMs / 1000} s (it holds ${path}); look at what it waits for, or end it.`,
  );
}

function readLocks(): string {
  try {
    return readFileSync('/proc/locks', 'utf8');
  } catch {
    return '';
  }
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
export function networkNamespace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/net'))![0];
}
