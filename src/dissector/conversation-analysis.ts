import { Flags, formatIpv4, TCP, TcpFlags, type TrailerView } from '../codec/index.js';
import { nodeKey } from './tcp-sessions.js';

/** Flows, addresses with a port, and paths that are remembered; more of them are not analysed. */
const MAX_REMEMBERED = 1 << 18;
/** Path id 0 of a session is no finding for so long after the peer's first CM of the session, in seconds. */
const PATH_ZERO_GRACE = 1;
/** A delay that jumps by more restarts the path's minimum, in ticks (docs/decisions.md 20). */
const CLOCK_STEP = 60_000_000;

/** One direction of a pair of addresses and ports. */
interface Flow {
  reverse: Flow | undefined;
  /** Frames of the newest packet of each kind; 0 = none yet. */
  query: number;
  syn: number;
  synAck: number;
  data: number;
  /** The session of the newest CM that had one, and when its first CM came. */
  session: number;
  since: number;
  /** Its addresses and ports in words, made when they are first asked for. */
  tuple: string | undefined;
}

/** A path as its two ends know it: the tuple from its sender's packets, the smallest delay from its receiver's feedback. */
interface PathNotes {
  tuple: string | undefined;
  smallestDelay: number | undefined;
}

/** What a packet means beside the packets before it. Filled by {@link ConversationAnalysis.note}. */
export interface PacketAnalysis {
  /** The frame it answers; 0 = none. */
  responseTo: number;
  pathTuple: string | undefined;
  feedbackTuple: string | undefined;
  /** Ticks above the smallest delay fed back for the path so far, 0..60,000,000. */
  delay: number | undefined;
  /** Path id 0 although the peer has used the session for a second or more. */
  isPathZero: boolean;
}

/**
 * Relates packets with a CM to those before them, in the order of the capture. The Wireshark plugin (wireshark/mpip.template.lua)
 * follows the same rules.
 */
export class ConversationAnalysis {
  /** Of the packet noted last. */
  readonly result: PacketAnalysis = {
    responseTo: 0,
    pathTuple: undefined,
    feedbackTuple: undefined,
    delay: undefined,
    isPathZero: false,
  };

  /** By file: the frames of another one cannot be named. */
  readonly #filesFlows: Map<number, Map<number, Flow>>[] = [];
  #flows = new Map<number, Map<number, Flow>>();
  #file = -1;
  #flowCount = 0;
  /** By address and port: the node that sent from there last. */
  readonly #nodes = new Map<number, number>();
  readonly #paths = new Map<number, Map<number, PathNotes[]>>();
  #pathCount = 0;

  /**
   * Notes a packet with a CM.
   * @param frame its number; @param time its capture time in seconds
   * @param file which of several files it comes from: each counts its frames from 1
   */
  note(trailer: TrailerView, frame: number, time: number, file = 0): PacketAnalysis {
    const { result } = this;
    const { cm } = trailer;
    const { flags } = cm;
    const session = cm.sessionId;
    const sourceKey = trailer.source * 65536 + trailer.sourcePort;
    const destinationKey = trailer.destination * 65536 + trailer.destinationPort;
    result.responseTo = 0;
    result.pathTuple = undefined;
    result.feedbackTuple = undefined;
    result.delay = undefined;
    result.isPathZero = false;

    if (file !== this.#file) {
      this.#file = file;
      this.#flows = this.#filesFlows[file] ??= new Map();
    }
    const flow = this.#flow(sourceKey, destinationKey);
    if (flow !== undefined) {
      const { reverse } = flow;
      if (reverse !== undefined) {
        result.responseTo = answered(reverse, trailer, flags, session);
        result.isPathZero =
          flags <= Flags.ipChange &&
          session !== 0 &&
          cm.pathId === 0 &&
          reverse.session === session &&
          time - reverse.since >= PATH_ZERO_GRACE;
      }
      remember(flow, trailer, frame, time, flags, session);
    }

    const me = nodeKey(cm.nodeId, cm.isFull);
    if (this.#nodes.size < MAX_REMEMBERED || this.#nodes.has(sourceKey)) this.#nodes.set(sourceKey, me);
    if (session !== 0) result.pathTuple = tupleOf(flow, trailer);
    if (flags > Flags.heartbeat) return result;
    const peer = this.#nodes.get(destinationKey);
    if (peer === undefined) return result;
    if (cm.pathId !== 0) {
      const path = this.#path(me, peer, cm.pathId);
      if (path !== undefined) path.tuple = result.pathTuple ?? tupleOf(flow, trailer);
    }
    if (cm.feedbackPathId !== 0) {
      const path = this.#path(peer, me, cm.feedbackPathId);
      if (path !== undefined) {
        result.feedbackTuple = path.tuple;
        result.delay = aboveSmallest(path, cm.pathDelay);
      }
    }
    return result;
  }

  #flow(source: number, destination: number): Flow | undefined {
    let flows = this.#flows.get(source);
    const known = flows?.get(destination);
    if (known !== undefined) return known;
    if (this.#flowCount >= MAX_REMEMBERED) return undefined;
    this.#flowCount++;
    if (flows === undefined) {
      flows = new Map();
      this.#flows.set(source, flows);
    }
    const reverse = this.#flows.get(destination)?.get(source);
    const flow: Flow = { reverse, query: 0, syn: 0, synAck: 0, data: 0, session: 0, since: 0, tuple: undefined };
    if (reverse !== undefined) reverse.reverse = flow;
    flows.set(destination, flow);
    return flow;
  }

  /** What is known of path `id` from node `from` to node `to`. */
  #path(from: number, to: number, id: number): PathNotes | undefined {
    const known = this.#paths.get(from)?.get(to)?.[id];
    if (known !== undefined) return known;
    if (this.#pathCount >= MAX_REMEMBERED) return undefined;
    this.#pathCount++;
    let peers = this.#paths.get(from);
    if (peers === undefined) {
      peers = new Map();
      this.#paths.set(from, peers);
    }
    let paths = peers.get(to);
    if (paths === undefined) {
      paths = [];
      peers.set(to, paths);
    }
    const path: PathNotes = { tuple: undefined, smallestDelay: undefined };
    paths[id] = path;
    return path;
  }
}

/** The frame that a packet answers, among those of the other direction; 0 = none. */
function answered(reverse: Flow, trailer: TrailerView, flags: number, session: number): number {
  switch (flags) {
    case Flags.enabled:
      return reverse.query;
    case Flags.heartbeat:
      return reverse.session === session ? reverse.data : 0;
    case Flags.handshake:
      if (trailer.protocol !== TCP || (trailer.tcpFlags & TcpFlags.ack) === 0) return 0;
      return (trailer.tcpFlags & TcpFlags.syn) !== 0 ? reverse.syn : reverse.synAck;
    default:
      return 0;
  }
}

function remember(flow: Flow, trailer: TrailerView, frame: number, time: number, flags: number, session: number): void {
  if (flags === Flags.enable) flow.query = frame;
  else if (flags <= Flags.ipChange) flow.data = frame;
  else if (flags === Flags.handshake && trailer.protocol === TCP && (trailer.tcpFlags & TcpFlags.syn) !== 0) {
    if ((trailer.tcpFlags & TcpFlags.ack) === 0) flow.syn = frame;
    else flow.synAck = frame;
  }
  if (session !== 0 && session !== flow.session) {
    flow.session = session;
    flow.since = time;
  }
}

/** @returns ticks above the smallest delay of the path so far, which is lowered or, after a clock's step, restarted */
function aboveSmallest(path: PathNotes, delay: number): number {
  if (path.smallestDelay !== undefined) {
    const above = (delay - path.smallestDelay) | 0;
    if (above >= 0 && above <= CLOCK_STEP) return above;
  }
  path.smallestDelay = delay;
  return 0;
}

function tupleOf(flow: Flow | undefined, trailer: TrailerView): string {
  if (flow === undefined) return tupleText(trailer);
  flow.tuple ??= tupleText(trailer);
  return flow.tuple;
}

function tupleText(trailer: TrailerView): string {
  const source = `${formatIpv4(trailer.source)}:${trailer.sourcePort}`;
  return `${source} > ${formatIpv4(trailer.destination)}:${trailer.destinationPort}`;
}
