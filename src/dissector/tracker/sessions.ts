import { Columns } from './columns.js';
import { hashKey, IndexTable } from './index-table.js';

/** Integer fields of a session: one connection between two nodes. */
export const Session = {
  id: 0,
  /** 6 or 17: that of the host's packets, also when they travel in a UDP wrapper. */
  protocol: 1,
  /** Index of the node that was seen using it first, and of the other; 0 = not known. */
  creator: 2,
  other: 3,
  /** The directions from creator and other, plus 1. */
  fromCreator: 4,
  fromOther: 5,
  /** 1 when another connection has taken the id over. */
  isClosed: 6,
  ints: 7,
} as const;

/** Double fields of a session: microseconds since the first packet. */
export const SessionTime = { first: 0, last: 1, doubles: 2 } as const;

/** Integer fields of a direction: what one node sends in a session. */
export const Direction = {
  session: 0,
  node: 1,
  peer: 2,
  /** First of its paths, plus 1, in the order seen, and the last. */
  paths: 3,
  lastPath: 4,
  packets: 5,
  heartbeats: 6,
  /** Packets with flags ip-change. */
  flagged: 7,
  /** The flow of the session's own tuple, plus 1: that of its first packet with path id 0, or of the first at all. */
  ownFlow: 8,
  /** 1 when a packet with path id 0 said so. */
  isOwnFlowSure: 9,
  /** Its record of the order of TCP segments, plus 1; 0 = no data was sent by TCP. */
  order: 10,
  ints: 11,
} as const;

/** Integer fields of the order in which the TCP segments of a direction came. */
export const Order = {
  /** The end of what was sent, and the timestamp of the packet that brought it there. */
  nextSequence: 0,
  newestTimestamp: 1,
  retransmitted: 2,
  reordered: 3,
  /** Octets by which the latest segment was behind, and ticks. */
  maxBehind: 4,
  maxLate: 5,
  ints: 6,
} as const;

/** Double fields of a direction; times are microseconds since the first packet. */
export const DirectionTime = {
  first: 0,
  last: 1,
  octets: 2,
  weightsAt: 3,
  /** First packet with a path id other than 0; 0 = none. */
  firstPath: 4,
  maxHeartbeatGap: 5,
  lastHeartbeat: 6,
  doubles: 7,
} as const;

/** Sessions that are remembered. */
const MAX_SESSIONS = 1 << 18;

/** The sessions of a capture by their nodes and id. */
export class Sessions {
  readonly columns = new Columns(Session.ints, SessionTime.doubles);
  readonly directions = new Columns(Direction.ints, DirectionTime.doubles);
  /** Of the directions that sent data by TCP. */
  readonly orders = new Columns(Order.ints, 0);
  /** By the smaller index of a node, the larger and the id. */
  readonly #byKey = new IndexTable(
    (session, low, high, id) => {
      const { columns } = this;
      if (columns.int(session, Session.id) !== id) return false;
      const creator = columns.int(session, Session.creator);
      const other = columns.int(session, Session.other);
      return creator < other ? creator === low && other === high : other === low && creator === high;
    },
    (session) => {
      const { columns } = this;
      const creator = columns.int(session, Session.creator);
      const other = columns.int(session, Session.other);
      return hashKey(Math.min(creator, other), Math.max(creator, other), columns.int(session, Session.id));
    },
  );

  /** The session that two nodes use under an id, or -1. */
  find(a: number, b: number, id: number): number {
    return a < b ? this.#byKey.get(a, b, id) : this.#byKey.get(b, a, id);
  }

  /** A new session; one that had the id is closed. @returns its index, or -1 when there is no room */
  add(creator: number, other: number, id: number, protocol: number, time: number): number {
    const { columns } = this;
    if (columns.count >= MAX_SESSIONS) return -1;
    const session = columns.add();
    columns.setInt(session, Session.id, id);
    columns.setInt(session, Session.protocol, protocol);
    columns.setInt(session, Session.creator, creator);
    columns.setInt(session, Session.other, other);
    columns.setDouble(session, SessionTime.first, time);
    columns.setDouble(session, SessionTime.last, time);
    this.#set(creator, other, id, session);
    return session;
  }

  /** Names the other end of a session of which only the creator was known. */
  setOther(session: number, other: number): void {
    const { columns } = this;
    const creator = columns.int(session, Session.creator);
    const id = columns.int(session, Session.id);
    this.#byKey.delete(0, creator, id);
    columns.setInt(session, Session.other, other);
    this.#set(creator, other, id, session);
    const direction = columns.int(session, Session.fromCreator) - 1;
    if (direction >= 0) this.directions.setInt(direction, Direction.peer, other);
  }

  #set(a: number, b: number, id: number, session: number): void {
    if (a < b) this.#byKey.set(a, b, id, session);
    else this.#byKey.set(b, a, id, session);
  }

  /** What a node sends in a session, or -1. */
  direction(session: number, node: number): number {
    const { columns } = this;
    if (columns.int(session, Session.creator) === node) return columns.int(session, Session.fromCreator) - 1;
    return columns.int(session, Session.fromOther) - 1;
  }

  addDirection(session: number, node: number, peer: number, time: number): number {
    const direction = this.directions.add();
    this.directions.setInt(direction, Direction.session, session);
    this.directions.setInt(direction, Direction.node, node);
    this.directions.setInt(direction, Direction.peer, peer);
    this.directions.setDouble(direction, DirectionTime.first, time);
    this.directions.setDouble(direction, DirectionTime.weightsAt, time);
    const isCreator = this.columns.int(session, Session.creator) === node;
    this.columns.setInt(session, isCreator ? Session.fromCreator : Session.fromOther, direction + 1);
    return direction;
  }

  /** The direction against this one, or -1. */
  opposite(direction: number): number {
    const session = this.directions.int(direction, Direction.session);
    const from = this.columns.int(session, Session.fromCreator) - 1;
    return from === direction ? this.columns.int(session, Session.fromOther) - 1 : from;
  }
}
