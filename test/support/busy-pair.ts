import { writeU32be } from '../../src/codec/bytes.js';
import { buildTcp, buildUdp, TcpFlags, type Tuple } from '../../src/codec/index.js';
import { Endpoint, type PacketQueue } from '../../src/endpoint/index.js';

const [A1, A2, A3, B1, B2] = [0x0a010001, 0x0a020001, 0xc0a80001, 0x0a010002, 0xc0a80002];
/** Packets between two calls of `poll`. */
const ROUND = 4;
/** Microseconds from one packet to the next. */
const STEP = 50;
/** Rounds that a connection is the newest one. */
const ROUNDS_A_CONNECTION = 20;
/** Connections that carry packets at a time; older ones are left to expire. */
const CONNECTIONS = 8;
/** Rounds between two changes of a node's addresses. */
const ROUNDS_A_CHANGE = 1999;
const SEQUENCE_AT = 24;

interface Connection {
  readonly isTcp: boolean;
  readonly data: Uint8Array;
  readonly answer: Uint8Array;
  sequence: number;
}

/**
 * Two endpoints back to back in virtual time with everything that makes and frees rows: connections of TCP and UDP that
 * begin and expire, on up to four paths, with loss and reordering, from new ports and with changing addresses. What a
 * packet does depends only on its number. The tables are small, so that they are full soon and stay so.
 */
export class BusyPair {
  readonly a: Endpoint;
  readonly b: Endpoint;
  /** Packets that hosts were given. */
  delivered = 0;
  /** Packets that hosts sent. */
  sent = 0;
  #now = 1_000_000;
  #round = 0;
  #opened = 0;
  #lost = 0;
  readonly #connections: Connection[] = [];
  readonly #payload: Uint8Array;

  constructor(payloadLength = 100) {
    const constants = {
      'session-expiry': 250_000,
      'confirm-expiry': 250_000,
      'id-reuse': 50_000,
      'syn-interval': 50_000,
    };
    const common = { constants, tableLimit: 128 };
    this.a = new Endpoint({ addresses: [A1, A2], mac: 0x020000000a01, seed: 1, ...common });
    this.b = new Endpoint({ addresses: [B1, B2], mac: 0x020000000b01, seed: 2, ...common });
    this.#payload = new Uint8Array(payloadLength);
  }

  /** Sends `packets` packets, rounded up to whole rounds, one in three of them an answer. */
  run(packets: number): void {
    const end = this.sent + packets;
    while (this.sent < end) {
      if (this.#round % ROUNDS_A_CONNECTION === 0) this.#open();
      if (this.#round % ROUNDS_A_CHANGE === ROUNDS_A_CHANGE - 1) this.#changeAddresses();
      for (let i = 0; i < ROUND; i++)
        this.#send(this.#connections[(this.#round + i * 3) % this.#connections.length]!, i);
      this.#pump();
      this.a.poll(this.#now);
      this.b.poll(this.#now);
      this.#round++;
    }
  }

  /** Lets time pass without packets of the hosts, microseconds. */
  rest(micros: number): void {
    const end = this.#now + micros;
    while (this.#now < end) {
      const due = Math.min(end, this.a.poll(this.#now), this.b.poll(this.#now));
      this.#pump();
      this.#now = Math.max(this.#now + 1, due);
    }
    this.#connections.length = 0;
  }

  /** Rows of every table of both nodes, by name. */
  rows(): Record<string, number> {
    const rows: Record<string, number> = {};
    for (const [name, { state, fakeTcp, heldSegments }] of Object.entries({ a: this.a, b: this.b })) {
      const peers = new Set([...state.nodes.rows()].map(([, peer]) => peer));
      const sum = (count: (peer: typeof peers extends Set<infer P> ? P : never) => number) =>
        [...peers].reduce((total, peer) => total + count(peer), 0);
      rows[`${name}: Table 2`] = state.availability.size;
      rows[`${name}: Table 3`] = sum((peer) => peer.paths.size);
      rows[`${name}: Table 4`] = state.nodes.size;
      rows[`${name}: Table 5`] = sum((peer) => peer.feedback.size);
      rows[`${name}: Table 7`] = state.sessions.size;
      rows[`${name}: former sessions`] = sum((peer) => peer.formerSessions.size);
      rows[`${name}: announced`] = sum((peer) => peer.announced.size);
      rows[`${name}: session ids`] = sum((peer) => peer.sessionIds.size + peer.sessionIds.resting);
      rows[`${name}: path ids`] = sum((peer) => peer.pathIds.size + peer.pathIds.resting);
      rows[`${name}: waiting`] = state.waiting.size;
      rows[`${name}: handshakes`] = fakeTcp.size;
      rows[`${name}: holding`] = heldSegments.holding.size;
    }
    return rows;
  }

  #open(): void {
    const port = 1024 + (this.#opened % 60_000);
    const isTcp = this.#opened % 2 === 1;
    this.#opened++;
    const there = { source: A1, sourcePort: port, destination: B1, destinationPort: 7000 };
    const back = { source: B1, sourcePort: 7000, destination: A1, destinationPort: port };
    const build = (tuple: Tuple, payload: Uint8Array, flags: number = TcpFlags.ack) =>
      isTcp ? buildTcp(tuple, { sequence: 1, acknowledgement: 1, flags }, payload) : buildUdp(tuple, payload);
    const none = new Uint8Array(0);
    this.a.fromHost(build(there, none, TcpFlags.syn), this.#now);
    this.#pump();
    this.b.fromHost(build(back, none, TcpFlags.syn | TcpFlags.ack), this.#now);
    this.#pump();
    this.#connections.push({ isTcp, data: build(there, this.#payload), answer: build(back, none), sequence: 1 });
    if (this.#connections.length > CONNECTIONS) this.#connections.shift();
  }

  #send(connection: Connection, index: number): void {
    const { data, answer, isTcp } = connection;
    if (isTcp) {
      writeU32be(data, SEQUENCE_AT, connection.sequence);
      connection.sequence = (connection.sequence + this.#payload.length) >>> 0;
    }
    this.a.fromHost(data, this.#now);
    this.sent++;
    if (index % 2 === 1) {
      this.b.fromHost(answer, this.#now);
      this.sent++;
    }
    this.#now += STEP;
  }

  #changeAddresses(): void {
    const isEven = (this.#round / ROUNDS_A_CHANGE) % 2 < 1;
    this.a.setAddresses(isEven ? [A1, A3] : [A1, A2], this.#now);
  }

  /** Moves what both nodes send until nothing is left. */
  #pump(): void {
    while (this.#move(this.a, this.b) + this.#move(this.b, this.a) > 0);
  }

  /** Every fifth batch arrives in the opposite order, and every hundredth packet or so is lost. */
  #move(from: Endpoint, to: Endpoint): number {
    const batch: PacketQueue = from.takeTransmits();
    const isReversed = this.#round % 5 === 0;
    for (let i = 0; i < batch.length; i++) {
      const { bytes, length } = batch.at(isReversed ? batch.length - 1 - i : i);
      if (++this.#lost % 101 !== 0) to.fromNetwork(bytes, this.#now, length);
    }
    this.delivered += to.takeDeliveries().length;
    return batch.length;
  }
}
