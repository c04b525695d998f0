import { tryRun } from './host-commands.js';

/** Which packets of an interface are sent round: those that leave by it, or that come in. */
export type Direction = 'egress' | 'ingress';

/** A way round by a device of its own, whose queue holds packets that those of the interface itself would not. */
export interface Detour {
  readonly namespace: string;
  /** The interface. */
  readonly device: string;
  /** Name of the device to be made. */
  readonly by: string;
  readonly directions: readonly Direction[];
}

/** Matches everything. Not every kernel has matchall. */
const EVERYTHING = ['protocol', 'all', 'u32', 'match', 'u32', '0', '0'];

/** The commands, each as its words, that make a detour; `queue`, which its device gets, is there before the first packet is. */
export function detourCommands(
  { namespace, device, by, directions }: Detour,
  queue: readonly (readonly string[])[],
): (readonly string[])[] {
  const ip = ['ip', '-n', namespace];
  const tc = ['tc', '-n', namespace];
  const redirect = [...EVERYTHING, 'action', 'mirred', 'egress', 'redirect', 'dev', by];
  return [
    [...ip, 'link', 'add', by, 'type', 'ifb'],
    [...ip, 'link', 'set', by, 'up'],
    ...queue.map((words) => [...tc, ...words]),
    [...tc, 'qdisc', 'add', 'dev', device, 'clsact'],
    ...directions.map((direction) => [...tc, 'filter', 'add', 'dev', device, direction, ...redirect]),
  ];
}

/** Takes a detour away. @returns false when there is none. */
export function freeDetour({ namespace, device, by }: Omit<Detour, 'directions'>): boolean {
  if (!tryRun('ip', ['-n', namespace, 'link', 'show', by]).ok) return false;
  tryRun('tc', ['-n', namespace, 'qdisc', 'del', 'dev', device, 'clsact']);
  tryRun('ip', ['-n', namespace, 'link', 'del', by]);
  return true;
}
