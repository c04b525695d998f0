// One node with many connections in memory: what a packet costs when every packet is of another connection.

import { writeU16be, writeU32be } from '../src/codec/bytes.js';
import { attach, buildUdp, emptyControlMessage, Flags, type Tuple } from '../src/codec/index.js';
import { Endpoint } from '../src/endpoint/index.js';

const LOCAL = 0x0a010001;
const PORT = 7000;
const FIRST_PEER = 0x0b000001;
const FIRST_PORT = 1024;
/** Connections with one peer: `compact` has 255 ids. */
const PER_PEER = 250;
const DATA = 1346;
const ANSWER = 100;

/** A full cycle through all connections (Hull and Dobell): neighbours in time are none in memory. */
const STEP = 61_803;

/** Octets of a packet at which its fields are: IPv4 and UDP headers, and the CM behind the user data. */
const CM = 20 + 8 + DATA + 1;

/** A node with `count` connections, each with one path, to as many peers as that takes. */
export class ManySessions {
  readonly endpoint = new Endpoint({ addresses: [LOCAL], mac: 0x02000000ff01, seed: 1 });
  /** As on a host that has run for days: times are no small integers. */
  now = 1_000_000_000_000;
  readonly #data = new Uint8Array(20 + 8 + DATA + 26);
  readonly #answer: Uint8Array;
  #at = 0;

  constructor(readonly count: number) {
    const tuple: Tuple = { source: FIRST_PEER, sourcePort: FIRST_PORT, destination: LOCAL, destinationPort: PORT };
    const message = { ...emptyControlMessage('compact'), localAddresses: [FIRST_PEER], flags: Flags.normal };
    attach(buildUdp(tuple, new Uint8Array(DATA)), message, this.#data);
    this.#answer = buildUdp(
      { source: LOCAL, sourcePort: PORT, destination: FIRST_PEER, destinationPort: FIRST_PORT },
      new Uint8Array(ANSWER),
    );
    for (let i = 0; i < count; i++) {
      this.#receive(i, Flags.enable);
      this.#receive(i, Flags.normal);
      this.#send(i);
      this.#receive(i, Flags.normal);
      this.#clear();
      this.now += 10;
    }
    if (this.endpoint.sessions.size !== count) throw new Error(`${this.endpoint.sessions.size} of ${count} sessions.`);
  }

  /**
   * A packet from the network and one of the host in each of `rounds`: `train` rounds for one connection, then for the
   * next one, round robin in an order without order.
   */
  run(rounds: number, train = 1): void {
    for (let i = 0; i < rounds; i++) {
      if (i % train === 0) this.#at = (this.#at + STEP) % this.count;
      this.#receive(this.#at, Flags.normal);
      this.#send(this.#at);
      this.now += 2;
      if ((i & 31) === 31) this.#clear();
    }
    this.#clear();
  }

  #receive(i: number, flags: number): void {
    const packet = this.#data;
    const peer = Math.floor(i / PER_PEER);
    const id = flags === Flags.normal ? 1 + (i % PER_PEER) : 0;
    writeU32be(packet, 12, FIRST_PEER + peer);
    writeU16be(packet, 20, FIRST_PORT + (i % PER_PEER));
    packet[CM + 1] = peer >>> 8;
    packet[CM + 2] = peer;
    packet[CM + 3] = id;
    packet[CM + 4] = id;
    packet[CM + 5] = id;
    const { now } = this;
    packet[CM + 6] = now;
    packet[CM + 7] = now >>> 8;
    packet[CM + 8] = now >>> 16;
    packet[CM + 9] = now >>> 24;
    writeU32be(packet, CM + 14, FIRST_PEER + peer);
    packet[CM + 22] = flags;
    let sum = 0;
    for (let at = CM; at < CM + 23; at++) sum += packet[at]!;
    packet[CM + 23] = sum;
    packet[CM + 24] = sum >>> 8;
    this.endpoint.fromNetwork(packet, now);
  }

  #send(i: number): void {
    const packet = this.#answer;
    writeU32be(packet, 16, FIRST_PEER + Math.floor(i / PER_PEER));
    writeU16be(packet, 22, FIRST_PORT + (i % PER_PEER));
    this.endpoint.fromHost(packet, this.now);
  }

  #clear(): void {
    this.endpoint.takeTransmits();
    this.endpoint.takeDeliveries();
    this.endpoint.poll(this.now);
  }
}

/** Octets of a line of a cache. */
const LINE = 64;

/**
 * The same order of connections over nothing but numbers: what memory costs alone. Each has some `lines` in every one of
 * `pieces` pieces of memory; a round goes through the pieces in `steps`, and where it looks in a step comes of what it
 * found in the one before, as a row leads to others.
 */
export class PlainRecords {
  readonly #pieces: Int32Array[];
  readonly #stride: number;
  #at = 0;

  constructor(
    readonly count: number,
    pieces: number,
    private readonly lines: number,
    private readonly steps: number,
  ) {
    this.#stride = (lines * LINE) / 4;
    // Written to once: else all pages would be the one page of zeros.
    this.#pieces = Array.from({ length: pieces }, () => new Int32Array(count * this.#stride).fill(0));
  }

  run(rounds: number): void {
    const pieces = this.#pieces;
    const aStep = Math.ceil(pieces.length / this.steps);
    for (let i = 0; i < rounds; i++) {
      this.#at = (this.#at + STEP) % this.count;
      let start = this.#at * this.#stride;
      for (let first = 0; first < pieces.length; first += aStep) {
        let found = 0;
        for (let piece = first; piece < Math.min(pieces.length, first + aStep); piece++)
          for (let line = 0; line < this.lines; line++) found |= pieces[piece]![start + (line * LINE) / 4]!;
        // All numbers are zero, which only the memory knows.
        start += found;
      }
    }
  }
}
