import { buildTcp, type DatagramView, Random, TcpFlags, type Tuple } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import { Slab } from '../codec/slab.js';
import { type OutgoingSegment, TcpConnection } from './tcp-connection.js';

/** For the segments of all stacks. */
const memory = new Slab();

/** How a stack is made. */
export interface TcpStackOptions {
  readonly seed: number;
  /** Largest segment that the host sends and asks for, octets of payload. */
  readonly mss: number;
  /** Initial sequence number of a connection; random unless given. */
  readonly initialSequence?: number;
  /** What a service at a port answers to octets that arrived; undefined when nothing listens there. */
  readonly service: (port: number) => ((payload: Uint8Array) => Uint8Array | undefined) | undefined;
  /** Hands a segment to the layer below. */
  readonly send: (packet: Uint8Array, now: number) => void;
}

/** Connections that a host keeps; further SYNs are not answered. */
const MOST_CONNECTIONS = 1024;
const FIRST_PORT = 49_152;

/**
 * The TCP of a reference host, without I/O: what the virtual network has in place of a kernel. Services answer on their
 * ports; what belongs to no connection gets a RST, as from any host.
 */
export class TcpStack {
  readonly #options: TcpStackOptions;
  readonly #connections = new Map<string, TcpConnection>();
  readonly #random: Random;
  #identification = 0;
  #nextPort = FIRST_PORT;
  #now = 0;

  constructor(options: TcpStackOptions) {
    this.#options = options;
    this.#random = new Random(options.seed ^ 0x7c9);
  }

  /** Connections that are not over. */
  get connections(): readonly TcpConnection[] {
    return [...this.#connections.values()].filter((connection) => connection.state !== 'closed');
  }

  /** Takes a whole TCP segment that arrived for this host. */
  receive(view: DatagramView, now: number): void {
    this.#now = now;
    const tuple = reversedTuple(view);
    const { sequence, acknowledgement, tcpFlags: flags } = view;
    const payload = view.bytes.subarray(view.payloadOffset, view.end);
    const window = (view.bytes[view.l4Offset + 14]! << 8) | view.bytes[view.l4Offset + 15]!;
    const known = this.#connections.get(keyOf(tuple));
    if (known !== undefined && !known.isGone(now)) {
      known.receive({ sequence, acknowledgement, flags, window, payload }, now);
      return;
    }
    if ((flags & TcpFlags.rst) !== 0) return;
    const isSyn = (flags & (TcpFlags.syn | TcpFlags.ack)) === TcpFlags.syn;
    if (isSyn && this.#options.service(tuple.sourcePort) !== undefined) {
      if (this.#connections.size < MOST_CONNECTIONS) this.#add(tuple, 'syn-received').begin(now, sequence);
      return;
    }
    const length = payload.length + (isSyn ? 1 : 0) + ((flags & TcpFlags.fin) !== 0 ? 1 : 0);
    const isAcknowledging = (flags & TcpFlags.ack) !== 0;
    this.#send(tuple, {
      sequence: isAcknowledging ? acknowledgement : 0,
      acknowledgement: (sequence + length) >>> 0,
      flags: isAcknowledging ? TcpFlags.rst : TcpFlags.rst | TcpFlags.ack,
      payload: new Uint8Array(0),
      announcesMss: false,
    });
  }

  /** Opens a connection; `sourcePort` 0 means one of the host's choice. */
  connect(tuple: Tuple, now: number): TcpConnection {
    this.#now = now;
    const sourcePort = tuple.sourcePort === 0 ? this.#nextPort++ : tuple.sourcePort;
    const connection = this.#add({ ...tuple, sourcePort }, 'syn-sent');
    connection.begin(now);
    return connection;
  }

  /** Runs due work. */
  poll(now: number): void {
    this.#now = now;
    for (const [key, connection] of this.#connections) {
      connection.poll(now);
      if (connection.isGone(now)) this.#connections.delete(key);
    }
  }

  /** When to be polled next, microseconds. */
  get deadline(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections.values()) next = Math.min(next, connection.deadline);
    return next;
  }

  #add(tuple: Tuple, state: 'syn-sent' | 'syn-received'): TcpConnection {
    const connection = new TcpConnection(
      tuple,
      state,
      this.#options.initialSequence ?? this.#random.below(0x1_0000_0000),
      this.#options.mss,
      (from, segment) => this.#send(from.tuple, segment),
      (from, payload) => {
        const answer = this.#options.service(from.tuple.sourcePort)?.(payload);
        if (answer !== undefined) from.write(answer, this.#now);
      },
    );
    this.#connections.set(keyOf(tuple), connection);
    return connection;
  }

  #send(tuple: Tuple, segment: OutgoingSegment): void {
    const { mss, send } = this.#options;
    this.#identification = (this.#identification + 1) & 0xffff;
    const options = segment.announcesMss ? Uint8Array.of(2, 4, mss >>> 8, mss & 255) : undefined;
    const packet = buildTcp(
      tuple,
      {
        sequence: segment.sequence,
        acknowledgement: segment.acknowledgement,
        flags: segment.flags,
        ...(options === undefined ? {} : { options }),
      },
      segment.payload,
      { identification: this.#identification },
      memory,
    );
    send(packet, this.#now);
  }
}

function keyOf({ source, sourcePort, destination, destinationPort }: Tuple): string {
  return `${source} ${sourcePort} ${destination} ${destinationPort}`;
}
