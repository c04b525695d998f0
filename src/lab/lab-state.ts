import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type Owner, ownIdentity } from '../io/linux/state-files.js';
import { LabError } from './lab-error.js';

/** The lab's name, with which those of its namespaces begin. Several labs, each with another, can be up at once. */
export const LAB_NAME = labName(process.env.MPIP_LAB);

/** Where the lab notes what it made, before it makes it; gone with the next boot, as are namespaces. */
const FOLDER = `/run/${LAB_NAME}`;
const FILE = join(FOLDER, 'state.json');
const NAMESPACES = '/run/netns';

/**
 * A network namespace of the lab. `inode` tells it from another one that was given the same name; it is null while the
 * namespace is being made, when there was none of that name.
 */
interface NotedNamespace {
  readonly name: string;
  readonly inode: number | null;
}

interface State {
  readonly version: 1;
  /** Who made it last, and may still be using it. */
  readonly owner: Owner;
  readonly namespaces: readonly NotedNamespace[];
}

/** What the lab made on this host: its notes, and whether they are still true. */
export class LabState {
  #namespaces: NotedNamespace[];

  private constructor(
    namespaces: readonly NotedNamespace[],
    private readonly owner: Owner | undefined,
  ) {
    this.#namespaces = [...namespaces];
  }

  /** The notes of this host; empty when there are none. */
  static read(): LabState {
    let text: string;
    try {
      text = readFileSync(FILE, 'utf8');
    } catch {
      return new LabState([], undefined);
    }
    try {
      const state = JSON.parse(text) as State;
      if (state.version === 1 && Array.isArray(state.namespaces)) return new LabState(state.namespaces, state.owner);
    } catch {
      // Said below.
    }
    throw new LabError(`${FILE} is damaged; look at it, remove what it names (ip netns del NAME) and the file.`);
  }

  /** Names of the namespaces that the lab made and that are there. */
  get present(): string[] {
    const isThere = ({ name, inode }: NotedNamespace) => {
      const found = inodeOf(name);
      return found !== undefined && (inode === null || found === inode);
    };
    return this.#namespaces.filter(isThere).map(({ name }) => name);
  }

  /** @throws LabError when another process is using the lab. */
  demandFree(): void {
    const { owner } = this;
    if (owner !== undefined && owner.pid !== process.pid && isAlive(owner))
      throw new LabError(`The lab is being used by process ${owner.pid}; end that first.`);
  }

  /** Notes that a namespace is about to be made. @throws LabError when there is one of that name. */
  announce(name: string): void {
    if (inodeOf(name) !== undefined && !this.present.includes(name))
      throw new LabError(
        `There is a network namespace ${name} that the lab did not make; it stays. Rename it, or remove it yourself: ip netns del ${name}.`,
      );
    this.#namespaces = this.#namespaces.filter((noted) => noted.name !== name);
    this.#namespaces.push({ name, inode: null });
    this.#write();
  }

  /** Notes that it was made. */
  confirm(name: string): void {
    this.#namespaces = this.#namespaces.map((noted) =>
      noted.name === name ? { name, inode: inodeOf(name) ?? null } : noted,
    );
    this.#write();
  }

  /** Forgets everything. */
  clear(): void {
    this.#namespaces = [];
    rmSync(FOLDER, { recursive: true, force: true });
  }

  #write(): void {
    mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
    const state: State = { version: 1, owner: ownIdentity(), namespaces: this.#namespaces };
    writeFileSync(`${FILE}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
    renameSync(`${FILE}.new`, FILE);
  }
}

function inodeOf(name: string): number | undefined {
  const path = join(NAMESPACES, name);
  return existsSync(path) ? statSync(path).ino : undefined;
}

function labName(text = 'mpip-lab'): string {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(text))
    throw new LabError(`MPIP_LAB is '${text}'; it must be lower-case letters, digits and hyphens, 32 at most.`);
  return text;
}
