import { type NodeId, TCP, type TrailerView } from '../codec/index.js';

/** Smallest TCP header, in octets. */
const TCP_HEADER_LENGTH = 20;
/** Port pairs kept of a session: its own tuple and those of its paths. */
export const MAX_PAIRS = 16;
/** Sessions kept in all; session ids are reused, so that real captures stay far below. */
export const MAX_SESSIONS = 1 << 18;
/** Keeps a node id of `full` apart from the same number in `compact`. */
const FULL_NODE = 2 ** 48;

/** A session that has been seen as TCP. */
export interface TcpSessionEntry {
  /** {@link nodeKey} of its node. */
  readonly node: number;
  readonly session: number;
  readonly pairs: number;
}

/**
 * The sessions that have been seen as TCP: what tells a UDP wrapper from an ordinary UDP datagram in a capture (docs/wire-format.md,
 * Carriers).
 */
export class TcpSessions {
  readonly #nodes = new Map<number, Map<number, number[]>>();
  #count = 0;

  /** True while no session has been seen as TCP, and nothing can be a wrapper. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Every session seen as TCP, with how many pairs of ports it has been seen on. */
  entries(): TcpSessionEntry[] {
    const found: TcpSessionEntry[] = [];
    for (const [node, list] of this.#nodes)
      for (const [session, { length }] of list) found.push({ node, session, pairs: length });
    return found;
  }

  /** Remembers the session of a TCP segment that carries a CM. */
  note(trailer: TrailerView): void {
    const { cm } = trailer;
    const session = cm.sessionId;
    if (session === 0 || trailer.protocol !== TCP) return;
    const pair = trailer.sourcePort * 65536 + trailer.destinationPort;
    const pairs = this.#pairs(cm.nodeId, cm.isFull, session);
    if (pairs === undefined || pairs.includes(pair)) return;
    if (pairs.length === MAX_PAIRS) pairs.shift();
    pairs.push(pair);
  }

  /**
   * Where the wrapped TCP header starts in a UDP datagram with a CM, or -1 when it is no wrapper. The session must have been seen as
   * TCP from that node, the data must start with a TCP header that fits, and one of its ports must be the session's (a NAT on the
   * way may have changed the other).
   */
  wrappedHeader(trailer: TrailerView): number {
    const { bytes, cm, payloadOffset } = trailer;
    const room = cm.trailerStart - payloadOffset;
    if (room < TCP_HEADER_LENGTH) return -1;
    const headerLength = (bytes[payloadOffset + 12]! >> 4) * 4;
    if (headerLength < TCP_HEADER_LENGTH || headerLength > room) return -1;
    const pairs = this.#nodes.get(nodeKey(cm.nodeId, cm.isFull))?.get(cm.sessionId);
    if (pairs === undefined) return -1;
    const source = (bytes[payloadOffset]! << 8) | bytes[payloadOffset + 1]!;
    const destination = (bytes[payloadOffset + 2]! << 8) | bytes[payloadOffset + 3]!;
    for (const pair of pairs) {
      if (Math.floor(pair / 65536) === source || (pair & 0xffff) === destination) return payloadOffset;
    }
    return -1;
  }

  #pairs(node: NodeId, isFull: boolean, session: number): number[] | undefined {
    const key = nodeKey(node, isFull);
    let sessions = this.#nodes.get(key);
    if (sessions === undefined) {
      sessions = new Map();
      this.#nodes.set(key, sessions);
    }
    let pairs = sessions.get(session);
    if (pairs === undefined) {
      if (this.#count === MAX_SESSIONS) return undefined;
      this.#count++;
      pairs = [];
      sessions.set(session, pairs);
    }
    return pairs;
  }
}

/** One number for a node of either layout. */
export function nodeKey(node: NodeId, isFull: boolean): number {
  return isFull ? node + FULL_NODE : node;
}
