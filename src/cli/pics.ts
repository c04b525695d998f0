import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LineCounter, parseDocument, YAMLMap } from 'yaml';
import type { Constants, ProfileName } from '../codec/index.js';
import { CAPABILITY_NAMES, type Capability } from '../conformance/index.js';
import { FaultError, UsageError } from './exit.js';
import { nearest } from './options.js';
import { parseConstants, parseProfile } from './peer-options.js';

/** What a PICS file declares of a peer. */
export interface Pics {
  readonly profile: ProfileName | undefined;
  readonly capabilities: ReadonlySet<Capability>;
  /** PIXIT: constants in force at the peer. */
  readonly constants: Partial<Constants>;
}

const KEYS = ['profile', 'capabilities', 'pixit'];
/** Folder of the ready ones, seen from the bundle and from the compiled tests. */
const READY_FOLDERS = ['../../pics', '../../../pics'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/**
 * Reads a PICS file (docs/check.md): a file's path, or the name of a ready one.
 * @throws FaultError for a file that cannot be read, UsageError naming file and line for one that says something else.
 */
export function readPics(nameOrPath: string): Pics {
  const path = existsSync(nameOrPath) ? nameOrPath : (readyPath(nameOrPath) ?? nameOrPath);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new FaultError(
        `There is no file ${nameOrPath}, and no ready PICS of that name; ready are ${readyNames().join(', ')}.`,
      );
    throw new FaultError(`The PICS file ${nameOrPath} cannot be read: ${(error as Error).message}.`);
  }
  return parsePics(text, path);
}

function readyPath(name: string): string | undefined {
  if (basename(name) !== name) return undefined;
  return READY_FOLDERS.map((folder) => join(folder, `${name}.yaml`)).find((path) => existsSync(path));
}

/** Names of the ready ones. */
function readyNames(): string[] {
  const folder = READY_FOLDERS.find((path) => existsSync(path));
  if (folder === undefined) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => basename(name, '.yaml'))
    .sort();
}

/**
 * Reads the text of a PICS file; `name` is what errors call it.
 * @throws UsageError naming file and line.
 */
export function parsePics(text: string, name: string): Pics {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const refuse = (message: string, offset = 0): never => {
    throw new UsageError(`${name}, line ${lines.linePos(offset).line}: ${message}`);
  };
  const [error] = document.errors;
  if (error !== undefined) refuse(`This is no YAML: ${error.message}.`, error.pos[0]);
  const root = document.contents;
  if (!(root instanceof YAMLMap)) return refuse(`A PICS file has the keys ${KEYS.join(', ')}.`);
  const capabilities = new Set<Capability>();
  let profile: ProfileName | undefined;
  let constants: Partial<Constants> = {};
  for (const [key, value, offset] of entriesOf(root)) {
    switch (key) {
      case 'profile':
        profile = at(name, lines, offset, () => parseProfile(String(value)));
        break;
      case 'capabilities':
        if (!(value instanceof YAMLMap))
          return refuse('capabilities has a line NAME: true or NAME: false each.', offset);
        for (const [capability, supported, where] of entriesOf(value)) {
          if (!isCapability(capability)) {
            const near = nearest(capability, CAPABILITY_NAMES);
            return refuse(
              `There is no capability '${capability}'; ${near === undefined ? `known are ${CAPABILITY_NAMES.join(', ')}` : `did you mean '${near}'`}${near === undefined ? '.' : '?'}`,
              where,
            );
          }
          if (typeof supported !== 'boolean') return refuse(`${capability} must be true or false.`, where);
          if (supported) capabilities.add(capability);
        }
        break;
      case 'pixit':
        if (!(value instanceof YAMLMap)) return refuse('pixit has a line NAME: VALUE each.', offset);
        for (const [constant, setting, where] of entriesOf(value)) {
          constants = {
            ...constants,
            ...at(name, lines, where, () => parseConstants([`${constant}=${String(setting)}`])),
          };
        }
        break;
      default:
        return refuse(`A PICS file has no key '${key}'; it has ${KEYS.join(', ')}.`, offset);
    }
  }
  if (capabilities.has('fake-tcp') && capabilities.has('udp-wrapper')) {
    refuse('A peer carries TCP by fake-tcp or by udp-wrapper at one time; declare the one that it is set to.');
  }
  return { profile, capabilities, constants };
}

function isCapability(name: string): name is Capability {
  return (CAPABILITY_NAMES as readonly string[]).includes(name);
}

/** Keys, plain values or maps, and where each key stands. */
function* entriesOf(map: YAMLMap): Generator<[string, unknown, number]> {
  for (const { key, value } of map.items as { key: unknown; value: unknown }[]) {
    const scalar = key as { value?: unknown; range?: [number, number, number] };
    const plain = value instanceof YAMLMap ? value : ((value as { value?: unknown } | null)?.value ?? null);
    yield [String(scalar.value), plain, scalar.range?.[0] ?? 0];
  }
}

/** Does something whose errors become those of a line. */
function at<T>(name: string, lines: LineCounter, offset: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${name}, line ${lines.linePos(offset).line}: ${error.message}`);
  }
}
