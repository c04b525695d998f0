import { readU32be } from '../codec/bytes.js';
import { buildTcp, type ControlMessage, Flags, type Ipv4, TcpFlags, UDP } from '../codec/index.js';
import type { BystanderWorld } from './bystander.js';
import { type NodeIds, withTrailer } from './fuzz-node.js';
import { mixSeed } from './generator.js';
import type { Received } from './received.js';

/** Octet of the stream at an offset, the same in both directions of an echo. */
const octetAt = (offset: number) => 0x41 + ((offset * 7 + (offset >>> 8)) % 57);
/** Octets of a segment that is sent again. */
const SEGMENT = 400;
/** How often what was not acknowledged is sent again at the end. */
const ROUNDS = 5;

/** What became of the stream. */
export type StreamFault = 'altered' | 'stalled' | 'reset';

/**
 * A TCP connection of the bystander to the peer's echo service, whose segments carry the CMs of one session on its own tuple. Some
 * arrive in the wrong order; at the end everything has been acknowledged and has come back, or the peer is at fault.
 */
export class TcpBystander {
  readonly port: number;
  readonly sessionId: number;
  isEstablished = false;
  /** What went wrong, with the packet that showed it. */
  fault: { readonly kind: StreamFault; readonly frame: number | undefined } | undefined;
  readonly #source: Ipv4;
  readonly #first: number;
  /** Next offset to send, first that was not acknowledged, first not received. */
  #next = 0;
  #acknowledged = 0;
  #received = 0;
  #peerFirst: number | undefined;
  /** Octets received beyond the first gap, as offsets of begin and end. */
  readonly #early: [number, number][] = [];
  #hasSpoken = false;

  constructor(
    private readonly world: BystanderWorld,
    private readonly ids: NodeIds,
    private readonly list: readonly Ipv4[],
    seed: number,
  ) {
    this.port = world.port(1);
    this.#source = list[0]!;
    const random = mixSeed(seed, 77);
    // Every fourth stream passes the wrap-around of sequence numbers early.
    this.#first = (random & 3) === 0 ? 0xffff_ffff - ((random >>> 8) % 300) : random;
    this.sessionId = 251;
  }

  /** The handshake, with a query beside the SYN. */
  start(): void {
    const syn = { sequence: this.#first, flags: TcpFlags.syn };
    this.#send(syn, new Uint8Array(0));
    this.#send(syn, withTrailer(new Uint8Array(0), this.#message(Flags.enable), this.world.memory));
  }

  /** Says something: in order, two segments swapped, or one whose predecessor is sent only later. */
  say(what: 'next' | 'swap' | 'hole', size: number): void {
    this.#hasSpoken = true;
    if (!this.isEstablished || this.fault !== undefined) return;
    const at = this.#next;
    const half = Math.max(1, size >> 1);
    this.#next += size + half;
    if (what === 'next') {
      this.#data(at, size);
      this.#data(at + size, half);
    } else {
      this.#data(at + size, half);
      if (what === 'swap') this.#data(at, size);
    }
  }

  /** A segment for the connection arrived, as it is or in a UDP datagram (paper, section 3.8.2). */
  receive({ packet, protocol, l4Offset, payloadOffset, data: payload, frame }: Received): void {
    const isWrapped = protocol === UDP;
    if (isWrapped && payload.length < 20) return;
    const header = isWrapped ? payloadOffset : l4Offset;
    const data = isWrapped ? payload.subarray(Math.min(payload.length, (payload[12]! >>> 4) * 4)) : payload;
    const flags = packet[header + 13]!;
    const sequence = readU32be(packet, header + 4);
    const acknowledgement = readU32be(packet, header + 8);
    if ((flags & TcpFlags.rst) !== 0) {
      // A reset before anything was established refuses the connection: nothing is known of the port then.
      if (this.isEstablished) this.#fail('reset', frame);
      return;
    }
    if ((flags & TcpFlags.syn) !== 0) {
      if ((flags & TcpFlags.ack) === 0 || acknowledgement !== (this.#first + 1) >>> 0) return;
      this.#peerFirst = (sequence + 1) >>> 0;
      const isNew = !this.isEstablished;
      this.isEstablished = true;
      if (isNew) this.#acknowledge();
      return;
    }
    if (this.#peerFirst === undefined) return;
    if ((flags & TcpFlags.ack) !== 0) {
      const upTo = (acknowledgement - this.#first - 1) | 0;
      if (upTo > this.#acknowledged && upTo <= this.#next) this.#acknowledged = upTo;
    }
    if (data.length > 0) this.#take((sequence - this.#peerFirst) | 0, data, frame);
  }

  /** Sends again what was not acknowledged until the peer has everything and everything came back. */
  async finish(): Promise<void> {
    if (!this.#hasSpoken) return;
    const isDone = () =>
      this.fault !== undefined || (this.#acknowledged === this.#next && this.#received === this.#next);
    for (let round = 0; round < ROUNDS && !isDone(); round++) {
      if (!this.isEstablished) this.start();
      else {
        for (let at = this.#acknowledged; at < this.#next; at += SEGMENT)
          this.#data(at, Math.min(SEGMENT, this.#next - at));
        if (this.#acknowledged === this.#next) this.#acknowledge();
      }
      await this.world.until(isDone);
    }
    if (!isDone()) this.#fail('stalled', undefined);
  }

  #take(offset: number, data: Uint8Array, frame: number): void {
    for (let i = Math.max(0, -offset); i < data.length; i++) {
      if (offset + i >= this.#next || data[i] !== octetAt(offset + i)) {
        this.#fail('altered', frame);
        return;
      }
    }
    this.#early.push([offset, offset + data.length]);
    this.#early.sort((a, b) => a[0] - b[0]);
    for (const [from, to] of this.#early) if (from <= this.#received && to > this.#received) this.#received = to;
    this.#acknowledge();
  }

  #fail(kind: StreamFault, frame: number | undefined): void {
    this.fault ??= { kind, frame };
  }

  #data(offset: number, size: number): void {
    const data = this.world.memory.take(size);
    for (let i = 0; i < size; i++) data[i] = octetAt(offset + i);
    this.#segment(TcpFlags.ack | TcpFlags.psh, offset, data);
  }

  #acknowledge(): void {
    this.#segment(TcpFlags.ack, this.#next, new Uint8Array(0));
  }

  #segment(flags: number, offset: number, data: Uint8Array): void {
    const fields = {
      sequence: (this.#first + 1 + offset) >>> 0,
      acknowledgement: ((this.#peerFirst ?? 0) + this.#received) >>> 0,
      flags,
    };
    this.#send(
      fields,
      withTrailer(data, { ...this.#message(Flags.normal), sessionId: this.sessionId }, this.world.memory),
    );
  }

  #message(flags: number): ControlMessage {
    const timestamp = (this.world.ticks() + 0x1000_0000) >>> 0;
    return {
      layout: 'compact',
      nodeId: this.ids.compact,
      sessionId: 0,
      pathId: 0,
      feedbackPathId: 0,
      timestamp,
      pathDelay: 0,
      localAddresses: this.list,
      flags,
    };
  }

  #send(fields: { sequence: number; acknowledgement?: number; flags: number }, payload: Uint8Array): void {
    const { peer, tcpPort } = this.world.surroundings;
    const tuple = { source: this.#source, sourcePort: this.port, destination: peer, destinationPort: tcpPort! };
    this.world.send(buildTcp(tuple, fields, payload, {}, this.world.memory), undefined);
  }
}
