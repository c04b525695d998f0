import type { Constants, Ipv4 } from '../codec/index.js';
import type { Path } from './paths.js';
import type { Session } from './sessions.js';

/** Who chooses among the paths of a session where throughput is the first priority (paper, section 3.6.1). */
export interface Scheduler {
  /**
   * The path of the next packet: one of `paths`, of which there is at least one.
   * @param octets length of the packet, where it is known.
   */
  choose(session: Session, paths: readonly Path[], now: number, octets?: number): Path;
  /** False for a path that is not to be measured by a packet just now, because it seems to be dead. */
  mayMeasure?(path: Path, now: number): boolean;
  /** Takes note that what waits at the interface of an address of this node takes so long to leave, microseconds. */
  queued?(address: Ipv4, micros: number, now: number): void;
}

/** How paths are chosen: `paper` by Equation 1 and Algorithm 1, `earliest` by when the packet would arrive. */
export type SchedulerName = 'paper' | 'earliest';

/** What each does, and the constants that it uses unless others are set. */
export const SCHEDULERS: Readonly<
  Record<SchedulerName, { readonly description: string; readonly constants: Partial<Constants> }>
> = {
  paper: { description: 'Equation 1 and Algorithm 1 (section 3.6.1)', constants: {} },
  earliest: {
    description: 'each packet by the path on which it would arrive first',
    constants: {
      'reordering-slots': 1000,
      'reordering-hold': 50_000,
      'reordering-margin': 3_000,
      'heartbeat-age': 100_000,
      'path-refresh': 250_000,
    },
  },
};

/** Names of all schedulers. */
export const SCHEDULER_NAMES = Object.keys(SCHEDULERS) as SchedulerName[];
