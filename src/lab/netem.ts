import { detourCommands, freeDetour } from './detour.js';
import { run, tryRun } from './host-commands.js';
import type { Impairment } from './impairment.js';

/** Packets that netem holds at most: as many as the lab's own stage. */
const LONGEST_QUEUE = 20_000;

/** Handle of netem on an interface; a rate limit below it has the parent `NETEM_CLASS`. */
const HANDLE = '2:';
export const NETEM_CLASS = '2:1';

/**
 * The words after `tc` that make netem do what an impairment says, to what leaves by `device`. netem's jitter is even
 * around the delay, ours comes on top of it. The rate is far above every link's: with one, netem keeps packets in order.
 */
export function netemWords(device: string, { delay, jitter, loss }: Impairment): string[] {
  const late = ['delay', `${delay + jitter / 2}us`, ...(jitter > 0 ? [`${jitter / 2}us`] : [])];
  const lost = loss > 0 ? ['loss', `${100 * loss}%`] : [];
  const order = ['rate', '100gbit'];
  const netem = ['netem', 'limit', String(LONGEST_QUEUE), ...late, ...lost, ...order];
  return ['qdisc', 'replace', 'dev', device, 'root', 'handle', HANDLE, ...netem];
}

/** The device to which what comes in by an end of a link is sent round, so that netem can hold it. */
function roundabout(end: string): string {
  return `n${end}`;
}

/** The commands, each as its words, that put netem between an end of a link and the host it belongs to. */
function incomingCommands(namespace: string, end: string, impairment: Impairment): (readonly string[])[] {
  const by = roundabout(end);
  return detourCommands({ namespace, device: end, by, directions: ['ingress'] }, [netemWords(by, impairment)]);
}

/** Impairs what comes in by an end of a link. */
export function impairIncoming(namespace: string, end: string, impairment: Impairment): void {
  for (const [command, ...args] of incomingCommands(namespace, end, impairment)) run(command!, args);
}

/** Impairs what leaves by an end of a link; a rate limit goes below it, as the link follows the way to it. */
export function impairOutgoing(namespace: string, end: string, impairment: Impairment): void {
  run('tc', ['-n', namespace, ...netemWords(end, impairment)]);
}

/** Takes away what `impairIncoming` made; what leaves is free again with the end's root queue. */
export function freeIncoming(namespace: string, end: string): void {
  freeDetour({ namespace, device: end, by: roundabout(end) });
}

/** Whether this kernel has all that is needed, found out by doing it in a namespace of the lab. */
export function hasNetem(namespace: string): boolean {
  const end = 'try';
  const setUp = ['ip', '-n', namespace, 'link', 'add', end, 'type', 'ifb'];
  const commands = [setUp, ...incomingCommands(namespace, end, { delay: 1000, jitter: 500, loss: 0.01 })];
  try {
    return commands.every(([command, ...args]) => tryRun(command!, args).ok);
  } finally {
    freeIncoming(namespace, end);
    tryRun('ip', ['-n', namespace, 'link', 'del', end]);
  }
}
