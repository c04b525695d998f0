import { addressOfKey, formatIpv4, formatNodeId, type LayoutName, portOfKey, TCP } from '../codec/index.js';
import type { Counters } from './counters.js';
import type { Endpoint } from './endpoint.js';
import { tupleKey } from './mesh.js';
import type { Peer } from './nodes.js';
import type { TcpMode } from './options.js';
import type { FallbackReason, Path } from './paths.js';
import type { Priority, RoutingRule } from './routing.js';
import type { SchedulerName } from './scheduler.js';

/** A tuple in words. */
export interface StatusTuple {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** A row of Table 6 in words: as the rules file and the control socket have it. What is absent matches everything. */
export interface StatusRule {
  readonly destination?: string;
  readonly port?: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly startSize?: number;
  readonly endSize?: number;
  readonly priority: Priority;
}

/**
 * How packets travel on a path: by the connection's own addresses and ports, by others over UDP, by others after a fake
 * handshake (section 3.8.1), or inside UDP (section 3.8.2).
 */
export type Encapsulation = 'original' | 'addresses' | TcpMode;

/** The tables of a node as plain data, for JSON: addresses dotted, ids in hex with colons, times in microseconds of the node's clock, delays in ticks. */
export interface EndpointStatus {
  readonly nodeId: string;
  readonly layout: LayoutName;
  readonly profile: string;
  readonly scheduler: SchedulerName;
  readonly addresses: readonly string[];
  /** Table 2. */
  readonly availability: readonly {
    address: string;
    port: number;
    enabled: boolean;
    queries: number;
    layout?: LayoutName;
  }[];
  /** Table 3. */
  readonly paths: readonly {
    nodeId: string;
    pathId: number;
    sessionId: number;
    tuple: StatusTuple;
    /** Real-time delay as the peer measures it, ticks; null before the first feedback. */
    delay: number | null;
    queuing: number;
    maxQueuing: number;
    weight: number;
    samples: number;
    feedbackTime: number;
    encapsulation: Encapsulation;
    /** Why segments go in UDP although the node uses fake TCP; null when they do not (docs/decisions.md 57). */
    fallback: FallbackReason | null;
    /** True when its segments have sequence numbers of the path's own (docs/decisions.md 64). */
    pathSequence: boolean;
    /** Packets sent on it and their octets, from the IP header to the end of the CM. */
    packetsSent: number;
    octetsSent: number;
  }[];
  /** Table 4. */
  readonly nodes: readonly { nodeId: string; address: string; port: number }[];
  /** Table 5. */
  readonly feedback: readonly {
    nodeId: string;
    pathId: number;
    delay: number;
    feedbackTime: number | null;
    fresh: boolean;
  }[];
  /** Table 6. */
  readonly rules: readonly StatusRule[];
  /** Table 7. */
  readonly sessions: readonly {
    nodeId: string;
    sessionId: number;
    protocol: number;
    tuple: StatusTuple;
    updateTime: number;
    confirmed: boolean;
    origin: 'self' | 'peer';
    /** Next expected sequence number of TCP data from the peer; null for other protocols or before the first segment. */
    nextSequence: number | null;
  }[];
  readonly counters: Counters;
}

/** What an endpoint knows now. */
export function statusOf(endpoint: Endpoint): EndpointStatus {
  const { settings, availability, nodes, sessions, counters, composer, state } = endpoint;
  const { layout, name } = settings.profile;
  const peers = new Set<Peer>();
  for (const [, peer] of nodes.rows()) peers.add(peer);
  for (const session of sessions.rows()) peers.add(session.peer);
  const all = [...peers];
  return {
    nodeId: formatNodeId(composer.nodeId(layout), layout === 'full' ? 6 : 2),
    layout,
    profile: name,
    scheduler: settings.scheduler,
    addresses: endpoint.addresses.map(formatIpv4),
    availability: [...availability.rows()].map((row) => ({
      address: formatIpv4(row.address),
      port: row.port,
      enabled: row.enabled,
      queries: row.queries,
      ...(row.layout === undefined ? {} : { layout: row.layout }),
    })),
    paths: all.flatMap((peer) =>
      [...peer.paths.values()].map((path) => ({
        nodeId: idOf(peer),
        pathId: path.id,
        sessionId: path.session.id,
        tuple: tupleInWords(path.tuple),
        delay: path.delay === undefined ? null : path.networkDelay,
        queuing: path.queuing,
        maxQueuing: path.maxQueuing,
        weight: path.weight,
        samples: path.samples,
        feedbackTime: path.feedbackTime,
        encapsulation: encapsulationOf(path),
        fallback: path.fallback ?? null,
        pathSequence: path.fallback === undefined && path.session.numbers?.has(tupleKey(path.tuple)) === true,
        packetsSent: path.packetsSent,
        octetsSent: path.octetsSent,
      })),
    ),
    nodes: [...nodes.rows()].map(([key, peer]) => ({
      nodeId: idOf(peer),
      address: formatIpv4(addressOfKey(key)),
      port: portOfKey(key),
    })),
    feedback: all.flatMap((peer) =>
      [...peer.feedback.rows()].map((row) => ({
        nodeId: idOf(peer),
        pathId: row.pathId,
        delay: row.delay,
        feedbackTime: Number.isFinite(row.feedbackTime) ? row.feedbackTime : null,
        fresh: row.fresh,
      })),
    ),
    rules: state.routing.rules.map(ruleInWords),
    sessions: [...sessions.rows()].map((session) => ({
      nodeId: idOf(session.peer),
      sessionId: session.id,
      protocol: session.protocol,
      tuple: tupleInWords(session.tuple),
      updateTime: session.updateTime,
      confirmed: session.confirmed,
      origin: session.origin,
      nextSequence: session.reordering?.next ?? null,
    })),
    counters: { ...counters },
  };
}

function encapsulationOf({ encapsulation, isOriginal }: Path): Encapsulation {
  if (encapsulation !== 'none') return encapsulation;
  return isOriginal ? 'original' : 'addresses';
}

function idOf(peer: Peer): string {
  return formatNodeId(peer.nodeId, peer.layout === 'full' ? 6 : 2);
}

/** A row of Table 6 in words. */
export function ruleInWords({ destination, protocol, ...rest }: RoutingRule): StatusRule {
  return {
    ...(destination === undefined ? {} : { destination: formatIpv4(destination) }),
    ...(protocol === undefined ? {} : { protocol: protocol === TCP ? 'tcp' : 'udp' }),
    ...rest,
  };
}

function tupleInWords(tuple: {
  source: number;
  sourcePort: number;
  destination: number;
  destinationPort: number;
}): StatusTuple {
  return { ...tuple, source: formatIpv4(tuple.source), destination: formatIpv4(tuple.destination) };
}
