import type { MessageKind } from './step.js';

/** What a fuzzed node's address and port are to the peer, as the exchange so far says. */
export type PathState =
  | 'new'
  | 'ordinary'
  | 'asked'
  | 'asking'
  | 'enabled'
  | 'session'
  | 'path'
  | 'changed'
  | 'shaking'
  | 'idle'
  | 'expired';

/** What happens at a path: a packet to the peer (`to-`), one of the peer (`from-`), or time. */
export type PathEvent = `${'to' | 'from'}-${MessageKind}` | 'address-change' | 'path-expiry' | 'session-expiry';

const rows: readonly (readonly [PathState, PathEvent, PathState])[] = [
  ['new', 'to-plain', 'ordinary'],
  ['new', 'to-enable', 'asked'],
  ['new', 'to-normal', 'session'],
  ['new', 'to-ip-change', 'changed'],
  ['new', 'to-handshake', 'shaking'],
  ['new', 'from-enable', 'asking'],
  ['ordinary', 'to-enable', 'asked'],
  ['ordinary', 'from-enable', 'asking'],
  ['ordinary', 'to-normal', 'session'],
  ['asking', 'to-enabled', 'enabled'],
  ['asking', 'to-enable', 'asked'],
  ['asking', 'to-normal', 'session'],
  ['asked', 'from-enabled', 'enabled'],
  ['asked', 'to-normal', 'session'],
  ['asked', 'from-normal', 'session'],
  ['enabled', 'to-normal', 'session'],
  ['enabled', 'from-normal', 'session'],
  ['enabled', 'to-handshake', 'shaking'],
  ['enabled', 'to-ip-change', 'changed'],
  ['session', 'from-normal', 'path'],
  ['session', 'from-heartbeat', 'path'],
  ['session', 'to-handshake', 'shaking'],
  ['session', 'to-ip-change', 'changed'],
  ['session', 'address-change', 'changed'],
  ['session', 'from-enable', 'asking'],
  ['session', 'session-expiry', 'expired'],
  ['shaking', 'from-handshake', 'path'],
  ['shaking', 'to-normal', 'session'],
  ['path', 'to-ip-change', 'changed'],
  ['path', 'address-change', 'changed'],
  ['path', 'to-handshake', 'shaking'],
  ['path', 'from-enable', 'asking'],
  ['path', 'path-expiry', 'idle'],
  ['path', 'session-expiry', 'expired'],
  ['changed', 'from-normal', 'path'],
  ['changed', 'to-normal', 'session'],
  ['idle', 'to-normal', 'session'],
  ['idle', 'from-normal', 'path'],
  ['idle', 'session-expiry', 'expired'],
  ['expired', 'to-normal', 'session'],
  ['expired', 'to-enable', 'asked'],
  ['expired', 'from-normal', 'path'],
];

/** Every edge of the state machine, as `state > event > state`. */
export const PATH_EDGES: readonly string[] = rows.map(([from, event, to]) => edgeName(from, event, to));

/** An edge of the state machine. */
export interface PathEdge {
  /** Its name in reports. */
  readonly name: string;
  readonly to: PathState;
}

const edges = new Map<PathState, Map<PathEvent, PathEdge>>();
for (const [from, event, to] of rows) {
  const ofState = edges.get(from) ?? new Map<PathEvent, PathEdge>();
  edges.set(from, ofState.set(event, { name: edgeName(from, event, to), to }));
}

function edgeName(from: PathState, event: PathEvent, to: PathState): string {
  return `${from} > ${event} > ${to}`;
}

/** The edge that an event takes; undefined where the event changes nothing. */
export function edgeFrom(state: PathState, event: PathEvent): PathEdge | undefined {
  return edges.get(state)?.get(event);
}

const MESSAGES: readonly MessageKind[] = [
  'plain',
  'enable',
  'enabled',
  'normal',
  'heartbeat',
  'handshake',
  'ip-change',
];
const named = (direction: 'to' | 'from') =>
  Object.fromEntries(MESSAGES.map((message) => [message, `${direction}-${message}`])) as Record<MessageKind, PathEvent>;

/** The event of a packet to the peer, by what it is. */
export const TO_PEER = named('to');
/** The event of a packet of the peer, by what it is. */
export const FROM_PEER = named('from');
