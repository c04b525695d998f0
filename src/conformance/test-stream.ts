import { part } from '../codec/bytes.js';
import {
  buildTcp,
  buildUdp,
  type ControlMessage,
  Flags,
  type Ipv4,
  isControlFlag,
  TcpFlags,
  type Tuple,
} from '../codec/index.js';
import { Slab } from '../codec/slab.js';
import { Inbox } from './inbox.js';
import type { Destination, RawPort } from './link.js';
import type { Observed } from './observed.js';
import { type Segment, segmentOf, sequenceDistance } from './segment.js';
import type { PortContext, TestNode } from './test-port.js';

/** A segment to send; what is absent is what a TCP in order would send on the original path. */
export interface SegmentOptions {
  readonly payload?: Uint8Array;
  /** See `TcpFlags`; default ACK, with PSH when there is a payload. */
  readonly flags?: number;
  /** Default: the next one, which then moves on by what the segment takes. */
  readonly sequence?: number;
  /** Default: everything that arrived in order. */
  readonly acknowledgement?: number;
  readonly window?: number;
  /** TCP options, a multiple of 4 octets. */
  readonly options?: Uint8Array;
  /** A control message, as for `TestPort.send`; absent or null for an ordinary segment. */
  readonly cm?: Partial<ControlMessage> | null;
  /** Which of the stream's addresses it comes from; default `TestStream.from`. */
  readonly source?: number;
  /** Its source port; default the stream's. */
  readonly sourcePort?: number;
  /** Default: the peer's end of the connection. */
  readonly destination?: Destination;
  /** True to send it in the UDP wrapper. */
  readonly isWrapped?: boolean;
  /** As for `TestPort.send`. */
  readonly mayBeOrdinary?: boolean;
}

/** What a stream does by itself with data that arrives: acknowledge it at once, or nothing. */
export type Acknowledging = 'at-once' | 'never';

const MSS = 1380;
const IPV4_HEADER_LENGTH = 20;
const NOTHING = new Uint8Array(0);
/** For the segments that testers send: all are kept as long as the case. */
const memory = new Slab();
const FIRST_ROOM = 1024;

/**
 * A TCP connection that the tester plays, segment by segment, over any of its addresses: it keeps the sequence numbers,
 * puts together what arrives in order and acknowledges it, and leaves everything else to the case. Queries,
 * confirmations, heartbeats and packets of fake handshakes are no part of the stream.
 */
export class TestStream extends Inbox {
  /** Sequence number of the next octet to send. */
  next: number;
  /** Sequence number of the next octet expected from the peer. */
  expected = 0;
  /** What the peer has acknowledged at most. */
  acknowledged = 0;
  acknowledging: Acknowledging = 'at-once';
  /** Which of the stream's addresses segments come from unless told otherwise. */
  from = 0;
  /** Control message of the acknowledgements that are sent at once; undefined for ordinary ones. */
  acknowledgementCm: (() => Partial<ControlMessage>) | undefined;
  readonly #context: PortContext;
  readonly #ports: RawPort[] = [];
  readonly #early = new Map<number, Uint8Array>();
  /** What arrived in order, and room for more. */
  #data = NOTHING;
  #length = 0;
  #identification: number;
  #isOpen = false;

  private constructor(
    readonly node: TestNode,
    context: PortContext,
    /** The peer's end; of a connection that the peer opened, where its SYN came from. */
    public peer: Destination,
    initialSequence: number,
  ) {
    super(context.log, context.patience);
    this.#context = context;
    this.next = initialSequence;
    this.#identification = initialSequence & 0xffff;
  }

  /** Use `TestNode.stream`. */
  static async open(
    node: TestNode,
    context: PortContext,
    sources: readonly number[],
    peer: Destination,
  ): Promise<TestStream> {
    // The clock of a node begins at a random time: a seeded initial sequence number.
    const stream = new TestStream(node, context, peer, node.clock());
    for (const source of sources) {
      const port: RawPort = await context.log.link.openRaw(
        source,
        (packet, time) => {
          if (!stream.arrived(packet, time)) for (const open of stream.#ports) open.deafen();
        },
        stream.#ports[0]?.port,
      );
      stream.#ports.push(port);
    }
    return stream;
  }

  /** The port number, on every address. */
  get port(): number {
    return this.#ports[0]!.port;
  }

  /** The stream's addresses; the first is that of the connection. */
  get addresses(): readonly Ipv4[] {
    return this.#ports.map(({ address }) => address);
  }

  /** Where the peer finds it. */
  get destination(): Destination {
    return { address: this.#ports[0]!.address, port: this.port };
  }

  /** What arrived in order so far; stays as it is when more arrives. */
  get data(): Uint8Array {
    return part(this.#data, 0, this.#length);
  }

  #append(octets: Uint8Array): void {
    const end = this.#length + octets.length;
    if (end > this.#data.length) {
      const longer = new Uint8Array(Math.max(FIRST_ROOM, 2 * end));
      longer.set(this.data);
      this.#data = longer;
    }
    this.#data.set(octets, this.#length);
    this.#length = end;
  }

  /** Sends a segment. */
  send(options: SegmentOptions = {}): Observed {
    const { payload = NOTHING, cm, source = this.from } = options;
    const flags = options.flags ?? TcpFlags.ack | (payload.length > 0 ? TcpFlags.psh : 0);
    const port = this.#ports[source]!;
    const to = options.destination ?? this.peer;
    const tuple: Tuple = {
      source: port.address,
      sourcePort: options.sourcePort ?? this.port,
      destination: to.address,
      destinationPort: to.port,
    };
    const fields = {
      sequence: options.sequence ?? this.next,
      acknowledgement: options.acknowledgement ?? ((flags & TcpFlags.ack) !== 0 ? this.expected : 0),
      flags,
      window: options.window ?? 65_535,
      ...(options.options === undefined ? {} : { options: options.options }),
    };
    this.#identification = (this.#identification + 1) & 0xffff;
    const ip = { identification: this.#identification };
    const packet =
      options.isWrapped === true
        ? buildUdp(tuple, buildTcp(this.#ownTuple, fields, payload).subarray(IPV4_HEADER_LENGTH), ip, memory)
        : buildTcp(tuple, fields, payload, ip, memory);
    const isControl = cm?.flags !== undefined && isControlFlag(cm.flags);
    if (options.sequence === undefined && !isControl) {
      const length = payload.length + ((flags & (TcpFlags.syn | TcpFlags.fin)) !== 0 ? 1 : 0);
      this.next = (this.next + length) >>> 0;
    }
    return this.sendPacket(cm ? this.node.trailed(packet, this.addresses, cm) : packet, {
      ...options,
      source,
      mayBeOrdinary: options.mayBeOrdinary ?? !cm,
    });
  }

  /** Sends a whole datagram as it is. */
  sendPacket(packet: Uint8Array, { source = this.from, mayBeOrdinary = false }: SegmentOptions = {}): Observed {
    const { log } = this.#context;
    const time = log.link.now();
    const sent = log.add('sent', packet, time)!;
    this.#ports[source]!.send(packet);
    if (!mayBeOrdinary) log.ownTrailer(sent);
    this.noteSent(sent);
    return sent;
  }

  /**
   * Opens the connection with ordinary segments.
   * @returns the peer's SYN-ACK, or undefined when none came in time.
   */
  async connect(): Promise<Observed | undefined> {
    const first = this.next;
    for (let attempt = 0; attempt < 3; attempt++) {
      this.send({ flags: TcpFlags.syn, sequence: first, options: MSS_OPTION });
      const answer = await this.receive((packet) => isSynAck(packet, first), { within: this.#context.patience / 3 });
      if (answer === undefined) continue;
      this.next = (first + 1) >>> 0;
      this.#begin(segmentOf(answer)!);
      this.send();
      return answer;
    }
    return undefined;
  }

  /**
   * Answers the SYN of a connection that the peer opens, with ordinary segments.
   * @returns the SYN, or undefined when none came in time.
   */
  async accept(): Promise<Observed | undefined> {
    const syn = await this.receive(isSyn);
    if (syn === undefined) return undefined;
    this.peer = { address: syn.source, port: syn.sourcePort };
    this.#begin(segmentOf(syn)!);
    this.send({ flags: TcpFlags.syn | TcpFlags.ack, options: MSS_OPTION });
    return syn;
  }

  /** The connection's own addresses and ports: those of the TCP header in a wrapper. */
  get #ownTuple(): Tuple {
    const { address, port } = this.destination;
    return { source: address, sourcePort: port, destination: this.peer.address, destinationPort: this.peer.port };
  }

  #begin(segment: Segment): void {
    this.expected = (segment.sequence + 1) >>> 0;
    this.acknowledged = this.next;
    this.#isOpen = true;
  }

  protected override digest(packet: Observed): void {
    if (!this.#isOpen) return;
    const segment = segmentOf(packet);
    if (segment === undefined || (packet.cm !== undefined && packet.cm.flags >= Flags.heartbeat)) return;
    if ((segment.flags & (TcpFlags.syn | TcpFlags.rst)) !== 0) return;
    if ((segment.flags & TcpFlags.ack) !== 0 && sequenceDistance(segment.acknowledgement, this.acknowledged) > 0) {
      this.acknowledged = segment.acknowledgement;
    }
    const isEmpty = segment.payload.length === 0 && (segment.flags & TcpFlags.fin) === 0;
    if (isEmpty) return;
    this.#take(segment);
    if (this.acknowledging === 'at-once') {
      const cm = this.acknowledgementCm?.();
      this.send(cm === undefined ? {} : { cm });
    }
  }

  #take(segment: Segment): void {
    if (segment.payload.length > 0) this.#early.set(segment.sequence, segment.payload);
    for (let again = true; again; ) {
      again = false;
      for (const [sequence, payload] of this.#early) {
        const ahead = sequenceDistance(sequence, this.expected);
        if (ahead > 0) continue;
        this.#early.delete(sequence);
        if (ahead + payload.length <= 0) continue;
        this.#append(payload.subarray(-ahead));
        this.expected = (sequence + payload.length) >>> 0;
        again = true;
      }
    }
    const end = (segment.sequence + segment.payload.length) >>> 0;
    if ((segment.flags & TcpFlags.fin) !== 0 && end === this.expected) this.expected = (this.expected + 1) >>> 0;
  }
}

const MSS_OPTION = Uint8Array.of(2, 4, MSS >>> 8, MSS & 255);

function isSyn(packet: Observed): boolean {
  const segment = segmentOf(packet);
  return (
    packet.cm === undefined && segment !== undefined && !segment.isWrapped && (segment.flags & 0x3f) === TcpFlags.syn
  );
}

function isSynAck(packet: Observed, first: number): boolean {
  const segment = segmentOf(packet);
  return (
    packet.cm === undefined &&
    segment !== undefined &&
    !segment.isWrapped &&
    (segment.flags & 0x3f) === (TcpFlags.syn | TcpFlags.ack) &&
    segment.acknowledgement === (first + 1) >>> 0
  );
}
