import { TCP, type TrailerView, type Tuple } from '../../codec/index.js';
import type { Events } from './events.js';
import { Flow, type Flows } from './flows.js';
import { hashKey, IndexTable } from './index-table.js';
import type { Nodes, TrackedNode } from './nodes.js';
import { Path, type Paths, PathValue } from './paths.js';
import { Direction, DirectionTime, Session, type Sessions } from './sessions.js';
import { joinPath } from './weights.js';

/** Paths that are remembered. */
const MAX_PATHS = 1 << 20;
/** Paths of one flow that are looked at: one is used for long by few. */
export const MOST_OF_FLOW = 64;

/** Finds the session and the path that a packet belongs to, and makes them when they are new. */
export class PathFinder {
  /** The path found last was made. */
  isNew = false;
  /** Frame of the packet, for events. */
  frame = 0;
  /** Where a sender's path id leads: by sender, peer and id. */
  readonly #pathById = new IndexTable(
    (path, sender, peer, pathId) =>
      this.paths.pathId(path) === pathId && this.paths.keyPeer(path) === peer && this.#sender(path) === sender,
    (path) => hashKey(this.#sender(path), this.paths.keyPeer(path), this.paths.pathId(path)),
  );

  constructor(
    private readonly nodes: Nodes,
    private readonly flows: Flows,
    private readonly sessions: Sessions,
    private readonly paths: Paths,
    private readonly events: Events,
  ) {}

  /** Whom a flow leads to by its address alone; never back to its sender. */
  peerAt(flow: number, node: number): number {
    const peer = this.nodes.atAddress(this.flows.destination(flow));
    return peer === node ? 0 : peer;
  }

  #sender(path: number): number {
    return this.sessions.directions.int(this.paths.columns.int(path, Path.direction), Direction.node);
  }

  /** The path of `sender` to `peer` with an id, or -1. */
  byId(sender: number, peer: number, pathId: number): number {
    const path = this.#pathById.get(sender, peer, pathId);
    return path >= 0 ? path : this.#pathById.get(sender, 0, pathId);
  }

  /** The path of a packet of a session, made when it is new; -1 when there is no room. */
  at({ cm, protocol }: TrailerView, isWrapped: boolean, flow: number, node: TrackedNode, time: number): number {
    const { columns } = this.paths;
    const { sessionId, pathId } = cm;
    const ids = (sessionId << 16) | pathId;
    let path = this.flows.columns.int(flow, Flow.paths) - 1;
    for (let i = 0; path >= 0 && i < MOST_OF_FLOW; i++) {
      if (columns.int(path, Path.ids) === ids) return path;
      path = columns.int(path, Path.nextOfFlow) - 1;
    }
    if (columns.count >= MAX_PATHS) return -1;
    const session = this.#session(sessionId, pathId, isWrapped ? TCP : protocol, flow, node.index, time);
    if (session < 0) return -1;
    const peer = this.flows.columns.int(flow, Flow.peer);
    let direction = this.sessions.direction(session, node.index);
    if (direction < 0) direction = this.sessions.addDirection(session, node.index, peer, time);
    this.#noteOwnFlow(direction, flow, pathId);
    return this.#addPath(direction, flow, ids, isWrapped, time);
  }

  #noteOwnFlow(direction: number, flow: number, pathId: number): void {
    const { directions } = this.sessions;
    if (directions.int(direction, Direction.isOwnFlowSure) !== 0) return;
    if (pathId !== 0 && directions.int(direction, Direction.ownFlow) !== 0) return;
    directions.setInt(direction, Direction.ownFlow, flow + 1);
    directions.setInt(direction, Direction.isOwnFlowSure, pathId === 0 ? 1 : 0);
  }

  #addPath(direction: number, flow: number, ids: number, isWrapped: boolean, time: number): number {
    const { columns } = this.paths;
    const { directions } = this.sessions;
    const peer = directions.int(direction, Direction.peer);
    const path = this.paths.add(direction, flow, ids, peer, isWrapped);
    const pathId = this.paths.pathId(path);
    columns.setInt(path, Path.nextOfFlow, this.flows.columns.int(flow, Flow.paths));
    this.flows.columns.setInt(flow, Flow.paths, path + 1);
    const last = directions.int(direction, Direction.lastPath) - 1;
    if (last >= 0) columns.setInt(last, Path.nextOfDirection, path + 1);
    else directions.setInt(direction, Direction.paths, path + 1);
    directions.setInt(direction, Direction.lastPath, path + 1);
    columns.setDouble(path, PathValue.first, time);
    columns.setDouble(path, PathValue.last, time);
    if (pathId !== 0) {
      this.#pathById.set(directions.int(direction, Direction.node), peer, pathId, path);
      if (directions.double(direction, DirectionTime.firstPath) === 0)
        directions.setDouble(direction, DirectionTime.firstPath, time);
      joinPath(this.paths, this.sessions, direction, path, time);
    }
    this.isNew = true;
    return path;
  }

  /**
   * The tuple of a session as one of its ends has it (Table 7): that of its own packets with path id 0, or that of the other end's
   * turned round, or of its first packet.
   */
  ownTuple(direction: number): Tuple {
    const { directions } = this.sessions;
    const flow = directions.int(direction, Direction.ownFlow) - 1;
    if (directions.int(direction, Direction.isOwnFlowSure) === 0) {
      const opposite = this.sessions.opposite(direction);
      if (opposite >= 0 && directions.int(opposite, Direction.isOwnFlowSure) !== 0) {
        const { source, sourcePort, destination, destinationPort } = this.flows.tuple(
          directions.int(opposite, Direction.ownFlow) - 1,
        );
        return { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort };
      }
    }
    return this.flows.tuple(flow);
  }

  /** The session of a packet whose path is new, made when it is new itself; -1 when there is no room. */
  #session(id: number, pathId: number, protocol: number, flow: number, node: number, time: number): number {
    const { sessions } = this;
    const flows = this.flows.columns;
    let peer = flows.int(flow, Flow.peer);
    if (peer === 0) {
      peer = this.peerAt(flow, node);
      flows.setInt(flow, Flow.peer, peer);
    }
    let session = sessions.find(node, peer, id);
    if (session < 0 && peer !== 0) {
      session = sessions.find(peer, 0, id);
      if (session >= 0) sessions.setOther(session, node);
      else {
        session = sessions.find(node, 0, id);
        if (session >= 0) sessions.setOther(session, peer);
      }
    }
    if (session < 0) return sessions.add(node, peer, id, protocol, time);
    if (pathId !== 0 || !this.#isOther(session, node, flow, protocol)) return session;
    this.#close(session);
    this.events.add({ kind: 'session-reused', time, frame: this.frame, node, session });
    return sessions.add(node, peer, id, protocol, time);
  }

  /** True when a packet on the session's own tuple belongs to another connection: no port in common, or another protocol. */
  #isOther(session: number, node: number, flow: number, protocol: number): boolean {
    const { sessions, flows } = this;
    if (sessions.columns.int(session, Session.protocol) !== protocol) return true;
    const mine = sessions.direction(session, node);
    const source = flows.sourcePort(flow);
    const destination = flows.destinationPort(flow);
    if (mine >= 0) {
      const own = sessions.directions.int(mine, Direction.ownFlow) - 1;
      return own >= 0 && flows.sourcePort(own) !== source && flows.destinationPort(own) !== destination;
    }
    const from = sessions.columns.int(session, Session.fromCreator) || sessions.columns.int(session, Session.fromOther);
    const own = from > 0 ? sessions.directions.int(from - 1, Direction.ownFlow) - 1 : -1;
    return own >= 0 && flows.sourcePort(own) !== destination && flows.destinationPort(own) !== source;
  }

  #close(session: number): void {
    const { sessions, paths } = this;
    sessions.columns.setInt(session, Session.isClosed, 1);
    for (const field of [Session.fromCreator, Session.fromOther]) {
      const direction = sessions.columns.int(session, field) - 1;
      let path = direction < 0 ? -1 : sessions.directions.int(direction, Direction.paths) - 1;
      for (; path >= 0; path = paths.columns.int(path, Path.nextOfDirection) - 1) paths.retire(path);
    }
  }
}
