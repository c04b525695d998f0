import { readU32be } from '../codec/bytes.js';
import type { Ipv4 } from '../codec/index.js';
import type { PacketQueue } from '../endpoint/index.js';
import { libc, type Watch } from '../io/linux/libc.js';
import { BATCH, LONGEST_WAIT_MS, type OnPacket, type PacketSink, type PacketSource } from '../io/linux/packet-link.js';

const LONGEST_TIMER_MS = 60_000;
/** Most batches that are read from one descriptor before others are looked at. */
const MOST_ROUNDS = 4;

/** What packets go through: an endpoint, or what stands for one where the exchange itself is measured. */
export interface PacketNode {
  fromHost(packet: Uint8Array, now: number, length: number): void;
  /** `isSound`: the TCP or UDP checksum is known to be right, or was not computed. */
  fromNetwork(packet: Uint8Array, now: number, length: number, isSound: boolean): void;
  poll(now: number): number;
  /** An interface takes no more for now; what waits there will have left in `micros`. */
  interfaceFull?(address: Ipv4, micros: number, now: number): void;
  takeTransmits(): PacketQueue;
  takeDeliveries(): PacketQueue;
}

/** The ends of an exchange. */
export interface ExchangeLinks {
  /** Towards the local applications. */
  readonly host: PacketSource & PacketSink;
  /** To the network, by the source address of the packets; may change at any time. */
  readonly outputs: ReadonlyMap<Ipv4, PacketSink>;
  /** For packets from other source addresses. */
  readonly otherOutput: PacketSink;
}

/**
 * Moves packets between the host, a node and the network, in the event loop: descriptors are watched by libuv through
 * koffi. Of several batches that wait, each is served as a whole, so that a wake-up under load carries many packets.
 */
export class PacketExchange {
  readonly #stops = new Set<() => void>();
  /** The host's packets: they wait in the kernel while an interface is full. */
  readonly #hostWatch: Watch;
  #waitTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  /** The node's time while a batch is read. */
  #batchTime = 0;

  /** `now` gives the node's time in microseconds. */
  constructor(
    private readonly node: PacketNode,
    private readonly links: ExchangeLinks,
    private readonly now: () => number,
  ) {
    this.#hostWatch = libc().watcher(links.host.fd, 'readable', () =>
      this.#receive(links.host, (packet, length) => this.#fromHost(packet, length)),
    );
    this.#hostWatch.start();
  }

  /** Takes packets of the network from a source too. @returns how to stop; the source stays open. */
  addInput(input: PacketSource): () => void {
    return this.#watch(input, (packet, length, isSound) =>
      this.node.fromNetwork(packet, this.#batchTime, length, isSound),
    );
  }

  /** Stops watching; the links stay open. */
  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#waitTimer);
    this.#hostWatch.close();
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }

  /**
   * An interface takes packets again: unless another is full, those of the host do not wait any longer. Until then they
   * stay in the kernel, whose TCP and sockets then send no faster than the interfaces do, instead of losing packets.
   */
  resume(): void {
    if (this.#isAnyFull()) return;
    clearTimeout(this.#waitTimer);
    this.#waitTimer = undefined;
    this.#hostWatch.start();
  }

  /** Sends what is to be sent, delivers what is to be delivered, and sees to it that the node is called in time. */
  serve(): void {
    const { node, links } = this;
    const { host, outputs, otherOutput } = links;
    const now = this.now();
    const next = node.poll(now);
    const transmits = node.takeTransmits();
    for (let i = 0; i < transmits.length; i++) {
      const { bytes, length } = transmits.at(i);
      (outputs.get(readU32be(bytes, 12)) ?? otherOutput).send(bytes, length);
    }
    if (transmits.length > 0) {
      for (const output of outputs.values()) output.flush();
      if (this.#isAnyFull()) this.#pause();
    }
    otherOutput.flush();
    const deliveries = node.takeDeliveries();
    for (let i = 0; i < deliveries.length; i++) {
      const { bytes, length } = deliveries.at(i);
      host.send(bytes, length);
    }
    if (deliveries.length > 0) host.flush();
    this.#wake(next, now);
  }

  #fromHost(packet: Uint8Array, length: number): void {
    if (packet[0]! >>> 4 !== 4) return;
    // A source that no named interface has: a packet of an application bound to another address.
    if (this.links.outputs.has(readU32be(packet, 12))) this.node.fromHost(packet, this.#batchTime, length);
    else this.links.otherOutput.send(packet, length);
  }

  #pause(): void {
    if (this.#waitTimer === undefined)
      for (const [address, output] of this.links.outputs)
        if (output.isFull) this.node.interfaceFull?.(address, output.backlogMicros ?? 0, this.now());
    this.#hostWatch.stop();
    // An interface that stays full says nothing more.
    this.#waitTimer ??= setTimeout(() => {
      this.#waitTimer = undefined;
      if (this.#isAnyFull()) this.#pause();
      else this.#hostWatch.start();
    }, LONGEST_WAIT_MS + 1);
  }

  #isAnyFull(): boolean {
    for (const output of this.links.outputs.values()) if (output.isFull) return true;
    return false;
  }

  /** Takes what waits at a source, a few batches at most. */
  #receive(source: PacketSource, onPacket: OnPacket): void {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      this.#batchTime = this.now();
      const count = source.receive(onPacket);
      if (count > 0 || round === 0) this.serve();
      if (count < BATCH || (source === this.links.host && this.#isAnyFull())) break;
    }
  }

  #watch(source: PacketSource, onPacket: OnPacket): () => void {
    const stop = libc().watch(source.fd, () => this.#receive(source, onPacket));
    this.#stops.add(stop);
    return () => {
      if (this.#stops.delete(stop)) stop();
    };
  }

  #wake(next: number, now: number): void {
    if (next === this.#wakeAt) return;
    this.#wakeAt = next;
    clearTimeout(this.#timer);
    if (next === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(LONGEST_TIMER_MS, Math.max(1, Math.ceil((next - now) / 1000)));
    this.#timer = setTimeout(() => {
      this.#wakeAt = Number.NaN;
      this.serve();
    }, delayMs);
  }
}
