import type { Ipv4 } from '../../codec/index.js';

/** Events kept; of those beyond, only the number is. */
const MAX_EVENTS = 10_000;

/** Something rare that a node did. Times are microseconds since the first packet; `node` and `session` are indices. */
export type TrackerEvent = {
  readonly time: number;
  readonly frame: number;
  readonly node: number;
} & (
  | {
      /** A run of packets with flags ip-change begins. */
      readonly kind: 'ip-change';
      readonly session: number;
      readonly pathId: number;
      readonly list: readonly Ipv4[];
      readonly before: readonly Ipv4[];
    }
  | {
      /** The address list changed, beyond a rotation of known ones. */ readonly kind: 'address-list';
      readonly list: readonly Ipv4[];
      readonly before: readonly Ipv4[];
    }
  | { /** The clock jumped. */ readonly kind: 'clock-step'; readonly ticks: number }
  | {
      /** The id of a session is used by another connection. */ readonly kind: 'session-reused';
      readonly session: number;
    }
  | {
      /** Another node sends from an address and port. */ readonly kind: 'node-changed';
      readonly flow: number;
      readonly before: number;
    }
);

/** Rare events, in the order of the capture. */
export class Events {
  readonly list: TrackerEvent[] = [];
  /** Events that there was no room for. */
  dropped = 0;

  add(event: TrackerEvent): void {
    if (this.list.length < MAX_EVENTS) this.list.push(event);
    else this.dropped++;
  }
}
