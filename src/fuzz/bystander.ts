import { addressKey, buildUdp, type ControlMessage, Flags, type Ipv4, UDP } from '../codec/index.js';
import type { Slab } from '../codec/slab.js';
import { type NodeIds, userData, withTrailer } from './fuzz-node.js';
import type { Received } from './received.js';
import type { Micros, Surroundings } from './target.js';

/** What the bystander needs of the exchange. */
export interface BystanderWorld {
  readonly surroundings: Surroundings;
  now(): Micros;
  /** Ticks of the nodes' common clock: it depends on what was sent, not on when. */
  ticks(): number;
  /** A port of the exchange. */
  port(index: number): number;
  /** The number of a datagram's mark. */
  nextNumber(): number;
  send(packet: Uint8Array, number: number | undefined): void;
  /** Memory for what is sent. */
  readonly memory: Slab;
  /** Lets time pass until `done`, at most the target's patience; true when done. */
  until(done: () => boolean): Promise<boolean>;
}

/** A delay sample that the peer may have of a path. */
interface Sample {
  readonly timestamp: number;
  readonly sentAt: Micros;
}

/** Samples remembered for each path. */
const SAMPLES = 64;
/** How much longer the second path takes, as its timestamps make the peer believe, in ticks. */
const SECOND_PATH = 40_000;

/**
 * A node that does nothing but what the paper says, in the middle of what the fuzzed nodes do: the handshake, one connection over
 * all its paths, answers to the peer's queries. Whatever happens to its data or ids is the fault of the peer.
 */
export class Bystander {
  readonly port: number;
  readonly addresses: readonly Ipv4[];
  /** The id that it gave its connection. */
  readonly sessionId: number;
  /** Delay samples that the peer may have, by path id. */
  readonly samples = new Map<number, Sample[]>();
  /** True once the peer was heard to use the session. */
  isHeard = false;
  /** True once the peer has confirmed a query. */
  isConfirmed = false;
  /** How often it has asked from an address and port. */
  readonly asked = new Map<number, number>();
  /** Confirmations by port, for whoever waits for one. */
  readonly confirmed = new Set<number>();
  #feedback: { readonly pathId: number; readonly delay: number } | undefined;

  constructor(
    private readonly world: BystanderWorld,
    readonly ids: NodeIds,
    seed: number,
  ) {
    this.addresses = world.surroundings.bystander;
    this.port = world.port(0);
    this.sessionId = 201 + (seed % 50);
  }

  /** The handshake from each address, and the first datagram of the connection. */
  start(): void {
    for (const address of this.addresses) this.query(address, this.port);
    this.say(16, 0);
  }

  /** Asks whether the peer speaks MPIP. */
  query(address: Ipv4, port: number): void {
    const key = addressKey(address, port);
    this.asked.set(key, (this.asked.get(key) ?? 0) + 1);
    this.#control(Flags.enable, address, port, this.world.surroundings.echoPort);
  }

  /** A datagram of its connection by the path from one of its addresses; returns the number of its mark. */
  say(size: number, address: number): number {
    const number = this.world.nextNumber();
    this.#onPath(Flags.normal, userData(number, size, this.world.memory), address, number);
    return number;
  }

  /** A heartbeat by a path: the peer measures it and answers nothing. */
  beat(address: number): void {
    if (this.isHeard) this.#onPath(Flags.heartbeat, new Uint8Array(0), address, undefined);
  }

  #onPath(flags: number, data: Uint8Array, address: number, number: number | undefined): void {
    const index = this.isHeard ? address % this.addresses.length : 0;
    const pathId = this.isHeard ? 1 + index : 0;
    const timestamp = (this.world.ticks() + 0x1000_0000 - index * SECOND_PATH) >>> 0;
    const feedback = this.#feedback;
    this.#feedback = undefined;
    if (pathId !== 0) this.#remember(pathId, timestamp);
    const cm: ControlMessage = {
      ...this.#message(flags, timestamp),
      sessionId: this.sessionId,
      pathId,
      feedbackPathId: feedback?.pathId ?? 0,
      pathDelay: feedback?.delay ?? 0,
    };
    this.#send(withTrailer(data, cm, this.world.memory), this.addresses[index]!, this.port, number);
  }

  /** An ordinary datagram from another port; returns the number of its mark. */
  sayPlain(size: number, port: number): number {
    const number = this.world.nextNumber();
    this.#send(userData(number, size, this.world.memory), this.addresses[0]!, port, number);
    return number;
  }

  /** A packet for one of its addresses arrived. */
  receive({ cm, protocol, destination, destinationPort, sourcePort }: Received): void {
    if (cm === undefined || protocol !== UDP) return;
    if (cm.flags === Flags.enabled) {
      this.confirmed.add(addressKey(destination, destinationPort));
      this.isConfirmed = true;
    }
    if (cm.flags === Flags.enable) this.#control(Flags.enabled, destination, destinationPort, sourcePort);
    if (destinationPort !== this.port) return;
    if (cm.sessionId === this.sessionId && cm.flags <= Flags.heartbeat) this.isHeard = true;
    // Every path takes equally long, so that the peer uses all of them.
    if (cm.pathId !== 0) this.#feedback = { pathId: cm.pathId, delay: 20_000 };
  }

  #control(flags: number, address: Ipv4, port: number, to: number): void {
    const cm = this.#message(flags, (this.world.ticks() + 0x1000_0000) >>> 0);
    this.#send(withTrailer(new Uint8Array(0), cm, this.world.memory), address, port, undefined, to);
  }

  #message(flags: number, timestamp: number): ControlMessage {
    return {
      layout: 'compact',
      nodeId: this.ids.compact,
      sessionId: 0,
      pathId: 0,
      feedbackPathId: 0,
      timestamp,
      pathDelay: 0,
      localAddresses: this.addresses,
      flags,
    };
  }

  #send(payload: Uint8Array, source: Ipv4, sourcePort: number, number: number | undefined, to?: number): void {
    const { peer, echoPort } = this.world.surroundings;
    const tuple = { source, sourcePort, destination: peer, destinationPort: to ?? echoPort };
    this.world.send(buildUdp(tuple, payload, {}, this.world.memory), number);
  }

  #remember(pathId: number, timestamp: number): void {
    let samples = this.samples.get(pathId);
    if (samples === undefined) {
      samples = [];
      this.samples.set(pathId, samples);
    }
    samples.push({ timestamp, sentAt: this.world.now() });
    if (samples.length > SAMPLES) samples.shift();
  }
}
