import { Flags, HeaderStatus, TCP, TcpFlags, type TrailerView, type Tuple } from '../../codec/index.js';
import type { CapturedPacket } from '../../io/captured-packet.js';
import type { Dissector } from '../dissector.js';
import { Events } from './events.js';
import { Flow, Flows } from './flows.js';
import { Handshake, Handshakes, HandshakeTime } from './handshakes.js';
import { Nodes, type TrackedNode } from './nodes.js';
import { MOST_OF_FLOW, PathFinder } from './path-finder.js';
import { Path, Paths, PathValue } from './paths.js';
import { Direction, DirectionTime, Order, Sessions, SessionTime } from './sessions.js';
import { adjustWeights } from './weights.js';

/** What the packet noted last is part of. Indices into the tables of the {@link Tracker}; -1 = none. */
export interface SeenPacket {
  /** Microseconds since the first packet. */
  time: number;
  /** False for what is no whole TCP or UDP datagram: everything else then says nothing. */
  isTracked: boolean;
  hasCm: boolean;
  /** A node's own CM on its way back, from a host that returns what it gets: it tells nothing of its sender. */
  isEcho: boolean;
  flow: number;
  /** Its sender, and whom it goes to; 0 = not known. */
  node: number;
  peer: number;
  session: number;
  direction: number;
  path: number;
  /** The path is new with this packet. */
  isNewPath: boolean;
  /** Ticks that it needed above the path's smallest. */
  above: number;
  /** The path of the other end that is fed back, and its delay above the smallest. */
  feedbackPath: number;
  delayAbove: number;
  /** A TCP segment with data below what was sent already: sent again, or overtaken. */
  isRetransmission: boolean;
  isReordered: boolean;
  /** Octets of user data. */
  dataLength: number;
}

/**
 * Rebuilds from packets what the wire shows of the tables of the nodes (paper, tables 2 to 7): who there is, which sessions they have,
 * over which paths, with what delays, and what changed. Packets come in the order of their capture times; nothing is allocated per
 * packet, and what is kept is bounded. Reads from the properties: tables of numbers, whose fields the constants beside them name.
 */
export class Tracker {
  readonly nodes = new Nodes();
  readonly flows = new Flows();
  readonly sessions = new Sessions();
  readonly paths = new Paths();
  readonly handshakes = new Handshakes();
  readonly events = new Events();
  /** Capture time of the first packet, and microseconds from it to the last. */
  originSeconds = 0;
  originNanoseconds = 0;
  lastTime = 0;
  packets = 0;
  /** Octets on the link. */
  octets = 0;
  cmPackets = 0;
  /** CMs that came back to the node that sent them. */
  echoes = 0;
  /** Packets with a CM that there was no room to remember the session or path of. */
  untracked = 0;
  readonly seen: SeenPacket = {
    time: 0,
    isTracked: false,
    hasCm: false,
    isEcho: false,
    flow: -1,
    node: 0,
    peer: 0,
    session: -1,
    direction: -1,
    path: -1,
    isNewPath: false,
    above: 0,
    feedbackPath: -1,
    delayAbove: 0,
    isRetransmission: false,
    isReordered: false,
    dataLength: 0,
  };
  readonly #finder = new PathFinder(this.nodes, this.flows, this.sessions, this.paths, this.events);
  readonly #list: number[] = [];
  #frame = 0;
  /** The newest packet brought another address list. */
  #isNewList = false;

  /** Takes the packet that `dissector` has just inspected. @returns what it is part of, valid until the next one */
  note(dissector: Dissector, packet: CapturedPacket): SeenPacket {
    const { seen } = this;
    if (this.packets++ === 0) {
      this.originSeconds = packet.seconds;
      this.originNanoseconds = packet.nanoseconds;
    }
    this.octets += packet.originalLength;
    this.#frame = packet.number;
    this.#finder.frame = packet.number;
    const time = (packet.seconds - this.originSeconds) * 1e6 + (packet.nanoseconds - this.originNanoseconds) / 1000;
    if (time > this.lastTime) this.lastTime = time;
    seen.time = time;
    seen.hasCm = dissector.hasCm;
    seen.isEcho = false;
    seen.node = 0;
    seen.peer = 0;
    seen.session = -1;
    seen.direction = -1;
    seen.path = -1;
    seen.isNewPath = false;
    seen.above = 0;
    seen.feedbackPath = -1;
    seen.delayAbove = 0;
    seen.isRetransmission = false;
    seen.isReordered = false;
    const { trailer } = dissector;
    seen.isTracked = dissector.isIpv4 && trailer.status === HeaderStatus.ok;
    if (!seen.isTracked) {
      seen.flow = -1;
      return seen;
    }
    const { protocol } = trailer;
    const flow = this.flows.at(
      trailer.source,
      trailer.destination,
      trailer.sourcePort,
      trailer.destinationPort,
      protocol,
      time,
    );
    seen.flow = flow;
    seen.dataLength = trailer.userDataLength;
    if (dissector.hasCm) this.cmPackets++;
    if (flow < 0) {
      if (dissector.hasCm) this.untracked++;
      return seen;
    }
    const flows = this.flows.columns;
    flows.setInt(flow, Flow.lastSecond, time / 1e6);
    if (!dissector.hasCm) {
      this.flows.notePlain(flow);
      seen.node = flows.int(flow, Flow.node);
      seen.peer = flows.int(flow, Flow.peer);
      return seen;
    }
    // The capture's clock modulo 2^32 microseconds: only differences count.
    const micros = packet.seconds * 1e6 + packet.nanoseconds / 1000;
    this.#noteCm(trailer, dissector.wrappedHeader, flow, time, micros);
    return seen;
  }

  #noteCm(trailer: TrailerView, wrapped: number, flow: number, time: number, micros: number): void {
    const { seen } = this;
    const { cm } = trailer;
    const flows = this.flows.columns;
    const node = this.nodes.at(cm.nodeId, cm.isFull, time);
    if (node === undefined) {
      this.untracked++;
      return;
    }
    this.flows.noteCm(flow);
    if (flows.int(flow, Flow.node) !== node.index && this.#isEcho(flow, node.index)) this.flows.noteEcho(flow);
    if (this.flows.isEcho(flow)) {
      seen.isEcho = true;
      seen.peer = node.index;
      this.echoes++;
      return;
    }
    if (flows.int(flow, Flow.node) !== node.index) this.#claimFlow(flow, node, time);
    const { flags } = cm;
    node.packets++;
    node.flags[flags]!++;
    node.last = time;
    this.#noteClock(node, time, cm.timestamp);
    this.#noteList(node, trailer, time);
    const peer = flows.int(flow, Flow.peer);
    seen.node = node.index;
    seen.peer = peer;
    if (wrapped >= 0) seen.dataLength -= (trailer.bytes[wrapped + 12]! >> 4) * 4;
    if (flags === Flags.handshake || flags === Flags.enable || flags === Flags.enabled) {
      this.#noteHandshake(trailer, flow, flags, time);
    }
    const isData = flags <= Flags.ipChange;
    if (cm.sessionId !== 0 && flags <= Flags.heartbeat) {
      const path = this.#finder.at(trailer, wrapped >= 0, flow, node, time);
      if (path < 0) {
        this.untracked++;
        return;
      }
      seen.isNewPath = this.#finder.isNew;
      this.#finder.isNew = false;
      this.#notePath(path, isData, flags, time);
      seen.above = this.paths.noteTransit(path, transit(micros, node.clock.tick, cm.timestamp), node.clock.tick);
      if (isData && seen.dataLength > 0) {
        if (wrapped >= 0) this.#noteSequence(seen.direction, u32(trailer.bytes, wrapped + 4), cm.timestamp);
        else if (trailer.protocol === TCP) this.#noteSequence(seen.direction, trailer.sequence, cm.timestamp);
      }
    }
    const isFlagged = flags === Flags.ipChange;
    if (isFlagged !== node.isChanging) this.#noteChange(node, isFlagged, cm.pathId, time);
    if (cm.feedbackPathId !== 0) this.#noteFeedback(node, peer, cm.feedbackPathId, cm.pathDelay);
  }

  /** True for a CM that comes back to the node that sent it. */
  #isEcho(flow: number, node: number): boolean {
    const back = this.flows.reverse(flow);
    return back >= 0 && this.flows.columns.int(back, Flow.node) === node;
  }

  /** A flow has another sender than before, or its first. */
  #claimFlow(flow: number, node: TrackedNode, time: number): void {
    const flows = this.flows.columns;
    const before = flows.int(flow, Flow.node);
    flows.setInt(flow, Flow.node, node.index);
    if (before !== 0) {
      this.events.add({ kind: 'node-changed', time, frame: this.#frame, node: node.index, flow, before });
      let path = flows.int(flow, Flow.paths) - 1;
      for (let i = 0; path >= 0 && i < MOST_OF_FLOW; i++) {
        this.paths.retire(path);
        path = this.paths.columns.int(path, Path.nextOfFlow) - 1;
      }
    }
    const source = this.flows.source(flow);
    node.noteSource(source, time);
    this.nodes.noteFlow(source, node.index);
    const back = this.flows.reverse(flow);
    if (back >= 0) flows.setInt(back, Flow.peer, node.index);
    if (flows.int(flow, Flow.peer) !== 0) return;
    const known = back >= 0 ? flows.int(back, Flow.node) : 0;
    flows.setInt(flow, Flow.peer, known !== 0 ? known : this.#finder.peerAt(flow, node.index));
  }

  #noteClock(node: TrackedNode, time: number, timestamp: number): void {
    const { clock } = node;
    const ticks = clock.note(time, timestamp);
    if (ticks !== 0) this.events.add({ kind: 'clock-step', time, frame: this.#frame, node: node.index, ticks });
    if ((node.packets < 1024 || (node.packets & 63) === 0) && clock.judge()) this.#restartTransits(node.index);
  }

  #restartTransits(node: number): void {
    const { columns } = this.paths;
    for (let path = 0; path < columns.count; path++) {
      if (this.sessions.directions.int(columns.int(path, Path.direction), Direction.node) === node)
        this.paths.restartTransit(path);
    }
  }

  #noteList(node: TrackedNode, { cm }: TrailerView, time: number): void {
    this.#isNewList = false;
    const slots = cm.addressSlots;
    const first = slots > 0 ? cm.address(0) : 0;
    const second = slots > 1 ? cm.address(1) : 0;
    if (slots <= 2 && node.hasSameSlots(first, second)) return;
    const list = cm.readAddresses(this.#list);
    const before = node.list;
    if (list.length === before.length && list.every((address) => before.includes(address))) return;
    this.#isNewList = true;
    const isNew = node.noteList(list, time);
    for (const address of list) this.nodes.claim(address, node.index);
    if (before.length > 0 && (isNew || list.length < before.length)) {
      this.events.add({ kind: 'address-list', time, frame: this.#frame, node: node.index, list: node.list, before });
    }
  }

  #noteHandshake(trailer: TrailerView, flow: number, flags: number, time: number): void {
    const flows = this.flows.columns;
    let at = flows.int(flow, Flow.handshake) - 1;
    if (at < 0) {
      at = this.handshakes.add(flow);
      flows.setInt(flow, Flow.handshake, at + 1);
    }
    const { handshakes } = this;
    if (flags === Flags.enable) handshakes.count(at, Handshake.queries, HandshakeTime.firstQuery, time);
    else if (flags === Flags.enabled)
      handshakes.count(at, Handshake.confirmations, HandshakeTime.firstConfirmation, time);
    if (flags === Flags.enable) handshakes.columns.setDouble(at, HandshakeTime.lastQuery, time);
    if (flags !== Flags.handshake || trailer.protocol !== TCP) return;
    handshakes.columns.setInt(at, Handshake.session, trailer.cm.sessionId);
    const tcpFlags = trailer.tcpFlags & (TcpFlags.syn | TcpFlags.ack);
    if (tcpFlags === TcpFlags.syn) handshakes.count(at, Handshake.syns, HandshakeTime.firstSyn, time);
    else if (tcpFlags === (TcpFlags.syn | TcpFlags.ack))
      handshakes.count(at, Handshake.synAcks, HandshakeTime.firstSynAck, time);
    else if (tcpFlags === TcpFlags.ack) handshakes.count(at, Handshake.acks, HandshakeTime.firstAck, time);
    if ((tcpFlags & TcpFlags.ack) !== 0) {
      const back = this.flows.reverse(flow);
      const answered = back >= 0 ? flows.int(back, Flow.handshake) - 1 : -1;
      if (answered >= 0) {
        const next = (handshakes.columns.int(answered, Handshake.sequence) + 1) | 0;
        const isRight = (trailer.acknowledgement | 0) === next;
        if (!isRight || handshakes.columns.int(at, Handshake.acknowledges) === 0)
          handshakes.columns.setInt(at, Handshake.acknowledges, isRight ? 1 : 2);
      }
    }
    if ((tcpFlags & TcpFlags.syn) !== 0) handshakes.columns.setInt(at, Handshake.sequence, trailer.sequence | 0);
  }

  /** See {@link PathFinder.ownTuple}. */
  ownTuple(direction: number): Tuple {
    return this.#finder.ownTuple(direction);
  }

  #notePath(path: number, isData: boolean, flags: number, time: number): void {
    const { seen, sessions } = this;
    const { columns } = this.paths;
    const { directions } = sessions;
    const direction = columns.int(path, Path.direction);
    const session = directions.int(direction, Direction.session);
    seen.path = path;
    seen.direction = direction;
    seen.session = session;
    if (isData) adjustWeights(this.paths, sessions, direction, time);
    columns.addInt(path, Path.packets, 1);
    columns.addDouble(path, PathValue.octets, seen.dataLength);
    columns.setDouble(path, PathValue.last, time);
    directions.addInt(direction, Direction.packets, 1);
    directions.addDouble(direction, DirectionTime.octets, seen.dataLength);
    directions.setDouble(direction, DirectionTime.last, time);
    sessions.columns.setDouble(session, SessionTime.last, time);
    if (isData) {
      if (flags === Flags.ipChange) {
        columns.addInt(path, Path.flagged, 1);
        directions.addInt(direction, Direction.flagged, 1);
      }
      return;
    }
    columns.addInt(path, Path.heartbeats, 1);
    if (directions.int(direction, Direction.heartbeats) > 0) {
      const gap = time - directions.double(direction, DirectionTime.lastHeartbeat);
      if (gap > directions.double(direction, DirectionTime.maxHeartbeatGap))
        directions.setDouble(direction, DirectionTime.maxHeartbeatGap, gap);
    }
    directions.addInt(direction, Direction.heartbeats, 1);
    directions.setDouble(direction, DirectionTime.lastHeartbeat, time);
  }

  /** A segment below what was sent already was overtaken when its timestamp is the older one; otherwise it was sent again. */
  #noteSequence(direction: number, sequence: number, timestamp: number): void {
    const { seen } = this;
    const { directions, orders } = this.sessions;
    const known = directions.int(direction, Direction.order) - 1;
    const order = known < 0 ? orders.add() : known;
    if (known < 0) directions.setInt(direction, Direction.order, order + 1);
    const end = (sequence + seen.dataLength) | 0;
    const ahead = (end - orders.int(order, Order.nextSequence)) | 0;
    if (known < 0 || ahead > 0) {
      orders.setInt(order, Order.nextSequence, end);
      orders.setInt(order, Order.newestTimestamp, timestamp | 0);
      return;
    }
    const late = (orders.int(order, Order.newestTimestamp) - timestamp) | 0;
    if (late <= 0) {
      seen.isRetransmission = true;
      orders.addInt(order, Order.retransmitted, 1);
      return;
    }
    seen.isReordered = true;
    orders.addInt(order, Order.reordered, 1);
    const behind = seen.dataLength - ahead;
    if (behind > orders.int(order, Order.maxBehind)) orders.setInt(order, Order.maxBehind, behind);
    if (late > orders.int(order, Order.maxLate)) orders.setInt(order, Order.maxLate, late);
  }

  #noteChange(node: TrackedNode, isFlagged: boolean, pathId: number, time: number): void {
    node.isChanging = isFlagged;
    if (!isFlagged) return;
    node.changes++;
    const { session } = this.seen;
    const { list } = node;
    const before = this.#isNewList ? node.previous : list;
    this.events.add({
      kind: 'ip-change',
      time,
      frame: this.#frame,
      node: node.index,
      session,
      pathId,
      list,
      before,
    });
  }

  #noteFeedback(node: TrackedNode, peer: number, pathId: number, delay: number): void {
    const path = this.#finder.byId(peer, node.index, pathId);
    if (path < 0) return;
    this.seen.feedbackPath = path;
    this.seen.delayAbove = this.paths.noteDelay(path, delay, node.clock.tick);
  }
}

/** Ticks from a timestamp to the capture, modulo 2^32; the clocks' difference is in it. */
function transit(micros: number, tick: number, timestamp: number): number {
  return ((tick === 1 ? micros : micros / tick) - timestamp) | 0;
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
