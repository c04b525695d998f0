import {
  type ControlMessage,
  encodedSize,
  encodeInto,
  Flags,
  flagValue,
  type Ipv4,
  type LayoutName,
  type NodeId,
  TcpFlags,
} from '../codec/index.js';
import type { Slab } from '../codec/slab.js';
import { mixSeed } from './generator.js';
import { MARK_LENGTH, writeMark } from './sent.js';
import { ADDRESSES, CONNECTIONS, type IdChoice, type SegmentKind, type SendStep } from './step.js';

const NOTHING = new Uint8Array(0);

/** What a fuzzed node knows of one of its connections: what it chose, and what the peer has shown. */
export class Connection {
  /** The session id that it gives the connection. */
  readonly chosenId: number;
  /** The session id that the peer was last seen to use. */
  seenSession = 0;
  /** Path ids of the peer, in the order in which they were seen. */
  readonly seenPaths: number[] = [];
  /** TCP: the next sequence number of each side. */
  nextSequence: number;
  acknowledgement = 0;
  readonly firstSequence: number;

  constructor(
    readonly index: number,
    readonly port: number,
    seed: number,
  ) {
    this.chosenId = 1 + (mixSeed(seed, index, 3) % 200);
    // Some connections begin just below the wrap-around.
    const sequence = mixSeed(seed, index, 4);
    this.firstSequence = (sequence & 3) === 0 ? 0xffff_ff00 + (sequence >>> 26) : sequence;
    this.nextSequence = this.firstSequence;
  }

  /** Notes what the peer's CM said. */
  learn(cm: ControlMessage): void {
    if (cm.sessionId !== 0) this.seenSession = cm.sessionId;
    if (cm.pathId !== 0 && !this.seenPaths.includes(cm.pathId)) this.seenPaths.push(cm.pathId);
  }

  /** The right session id. */
  get sessionId(): number {
    return this.seenSession === 0 ? this.chosenId : this.seenSession;
  }
}

/** A node id in both layouts. */
export interface NodeIds {
  readonly compact: NodeId;
  readonly full: NodeId;
}

/** The node ids that a seed gives: a unicast MAC address and its last two octets. */
export function nodeIdsOf(seed: number): NodeIds {
  const low = mixSeed(seed, 1);
  return { compact: low & 0xffff, full: 0x0200_0000_0000 + low };
}

/** One of the nodes that the fuzzer plays. */
export class FuzzNode {
  readonly ids: NodeIds;
  readonly connections: readonly Connection[];
  /** The addresses in the order in which it lists them now; the first is the primary. */
  addresses: Ipv4[];
  /** Layouts used, by address and port. */
  readonly layouts = new Map<number, Set<LayoutName>>();

  constructor(
    readonly index: number,
    addresses: readonly Ipv4[],
    readonly seed: number,
    port: (index: number) => number,
  ) {
    this.ids = nodeIdsOf(seed);
    this.addresses = [...addresses];
    this.connections = Array.from(
      { length: CONNECTIONS },
      (_, i) => new Connection(i, port(10 + index * CONNECTIONS + i), seed),
    );
  }

  /** The address with a number: the first when the node has but one. */
  address(index: number): Ipv4 {
    return this.addresses[index % this.addresses.length]!;
  }
}

/** What a step is composed from, beside the step itself. */
export interface Composition {
  readonly node: FuzzNode;
  readonly connection: Connection;
  /** Another connection, of this or another node. */
  readonly other: Connection;
  readonly ids: NodeIds;
  readonly list: readonly Ipv4[];
  /** Ticks of the sender's clock. */
  readonly timestamp: number;
  readonly number: number;
}

/** The CM of a step. */
export function messageOf(step: SendStep, c: Composition): ControlMessage {
  const { connection, other } = c;
  const top = step.layout === 'compact' ? 0xff : 0xffff;
  const pathOf = (of: Connection) => 1 + of.index * ADDRESSES + step.address;
  return {
    layout: step.layout,
    nodeId: c.ids[step.layout],
    sessionId: chosen(step.session, connection.sessionId, other.sessionId, [connection.seenSession]) & top,
    pathId: chosen(step.path, pathOf(connection), pathOf(other), connection.seenPaths) & top,
    feedbackPathId: chosen(step.feedback, connection.seenPaths[0] ?? 0, pathOf(connection), connection.seenPaths) & top,
    timestamp: c.timestamp,
    pathDelay: step.delay,
    localAddresses: c.list,
    flags: flagValue(step.message) ?? Flags.normal,
  };
}

function chosen({ ref, value }: IdChoice, own: number, other: number, seen: readonly number[]): number {
  switch (ref) {
    case 'own':
      return own;
    case 'none':
      return 0;
    case 'other':
      return other;
    case 'seen':
      return seen.length === 0 ? own : seen[value % seen.length]!;
    case 'literal':
      return value;
  }
}

const LETTERS = 26;
/** The alphabet again and again, for the longest user data from any letter. */
const ALPHABET = Uint8Array.from({ length: 2048 + LETTERS }, (_, i) => 0x61 + (i % LETTERS));

/** User data of so many octets, at most 2000, beside its mark; 0 for none at all. */
export function userData(number: number, size: number, memory: Slab): Uint8Array {
  if (size === 0) return NOTHING;
  const data = memory.take(MARK_LENGTH + size);
  const letter = (MARK_LENGTH + number) % LETTERS;
  data.set(ALPHABET.subarray(letter, letter + size), MARK_LENGTH);
  writeMark(data, number);
  return data;
}

/** User data with the trailer of a CM behind it. */
export function withTrailer(data: Uint8Array, cm: ControlMessage, memory: Slab): Uint8Array {
  const octets = memory.take(data.length + encodedSize(cm));
  octets.set(data);
  encodeInto(cm, octets, data.length);
  return octets;
}

/** Sequence numbers and flags of a segment in its connection; the connection moves on. */
export function segmentFields(kind: SegmentKind, connection: Connection, length: number) {
  const { acknowledgement } = connection;
  const at = connection.nextSequence;
  const move = (by: number) => {
    connection.nextSequence = (at + by) >>> 0;
  };
  switch (kind) {
    case 'syn':
      connection.nextSequence = (connection.firstSequence + 1) >>> 0;
      return { sequence: connection.firstSequence, flags: TcpFlags.syn };
    case 'syn-ack':
      return { sequence: connection.firstSequence, acknowledgement, flags: TcpFlags.syn | TcpFlags.ack };
    case 'ack':
      return { sequence: at, acknowledgement, flags: TcpFlags.ack };
    case 'data':
      move(length);
      return { sequence: at, acknowledgement, flags: TcpFlags.ack | TcpFlags.psh };
    case 'gap':
      return { sequence: (at + 512) >>> 0, acknowledgement, flags: TcpFlags.ack | TcpFlags.psh };
    case 'old':
      return { sequence: (at - Math.max(1, length)) >>> 0, acknowledgement, flags: TcpFlags.ack };
    case 'fin':
      move(1);
      return { sequence: at, acknowledgement, flags: TcpFlags.fin | TcpFlags.ack };
    case 'rst':
      return { sequence: at, acknowledgement, flags: TcpFlags.rst | TcpFlags.ack };
  }
}
