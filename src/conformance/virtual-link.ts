import { readU32be } from '../codec/bytes.js';
import { addressKey, buildUdp, type Ipv4, Random, TCP, type Tuple, UDP } from '../codec/index.js';
import { Slab } from '../codec/slab.js';
import { type LinkOptions, type VirtualHost, VirtualNetwork } from '../sim/network.js';
import type { CaseLink, Destination, Link, LinkPort, Micros, RawPort, ReachAnswer } from './link.js';
import type { UpperTester } from './upper-tester.js';

/** Settings of a `VirtualLink`. */
export interface VirtualLinkOptions {
  /** Makes a fresh peer for a case; `seed` is different for each case and the same in every run with one seed. */
  readonly createPeer: (seed: number) => VirtualHost;
  /** Makes a peer that `createPeer` gave act; without it cases that need an upper tester are not applicable. */
  readonly upperTester?: (host: VirtualHost, surroundings: UpperTesterSurroundings) => UpperTester;
  /** Addresses of the tester. Default 198.51.100.1 and 198.51.100.2. */
  readonly sources?: readonly Ipv4[];
  /** Delay, jitter, loss and duplication between tester and peer. */
  readonly network?: LinkOptions;
}

/** What an upper tester in the virtual network needs beside its host. */
export interface UpperTesterSurroundings {
  /** The host's clock. */
  now(): Micros;
  /** Lets the network notice what the host has to send. */
  wake(): void;
}

const DEFAULT_SOURCES: readonly Ipv4[] = [0xc6336401, 0xc6336402];
/** Evidence of virtual runs begins at 2020-01-01 00:00:00 UTC, so that equal runs give equal files. */
/** For the datagrams that testers send: there are many, and all are kept as long as the case. */
const memory = new Slab();
const EPOCH = 1_577_836_800_000_000;
const FIRST_PORT = 40_000;
/** Events in one case after which the peer is taken to flood, or to call itself for ever. */
const MOST_EVENTS = 1_000_000;

/**
 * A link to a peer on a virtual network: each case gets a fresh network and a fresh peer, and every wait moves virtual
 * time at once. Deterministic.
 */
export class VirtualLink implements Link {
  readonly kind = 'virtual';
  readonly isVirtual = true;
  readonly sources: readonly Ipv4[];
  readonly slack: Micros;
  readonly patience = 1_000_000;
  readonly nonce = 0;
  readonly hasUpperTester: boolean;
  readonly #options: VirtualLinkOptions;

  constructor(options: VirtualLinkOptions) {
    this.#options = options;
    this.sources = options.sources ?? DEFAULT_SOURCES;
    this.hasUpperTester = options.upperTester !== undefined;
    this.slack = 2_000 + 2 * ((options.network?.delayMicros ?? 50) + (options.network?.jitterMicros ?? 0));
  }

  /** Microseconds since 1970-01-01 UTC when the clock of a case's network was 0. */
  epochOf(seed: number): number {
    return EPOCH - startOf(seed);
  }

  openCase(seed: number): CaseLink {
    return new VirtualCaseLink(this.#options, this.sources, seed);
  }

  worstSince(): Micros {
    return 0;
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

class VirtualCaseLink implements CaseLink {
  readonly kind = 'virtual';
  readonly epoch: number;
  readonly upper: UpperTester | undefined;
  readonly #network: VirtualNetwork;
  /** By address, protocol and port. */
  readonly #receivers = new Map<number, (packet: Uint8Array) => void>();
  #nextPort = FIRST_PORT;
  #events = 0;
  #stopped = false;

  constructor(
    options: VirtualLinkOptions,
    readonly sources: readonly Ipv4[],
    seed: number,
  ) {
    const startMicros = startOf(seed);
    this.epoch = EPOCH - startMicros;
    this.#network = new VirtualNetwork({ ...options.network, seed, startMicros });
    this.#network.attach({
      addresses: this.sources,
      receive: (packet) => {
        if (packet.length < 28) return;
        const port = (packet[22]! << 8) | packet[23]!;
        this.#receivers.get(keyOf(readU32be(packet, 16), packet[9]!, port))?.(packet);
      },
      poll: () => Number.POSITIVE_INFINITY,
      drain: () => {},
    });
    const peer = options.createPeer(seed);
    this.#network.attach(peer);
    this.upper = options.upperTester?.(peer, {
      now: () => this.#network.timeOf(peer),
      wake: () => this.#network.wake(peer),
    });
  }

  now(): Micros {
    return this.#network.now;
  }

  open(index: number, receive: (packet: Uint8Array) => void, number?: number): Promise<LinkPort> {
    const address = this.sources[index]!;
    const port = number ?? this.#freshPort();
    const key = keyOf(address, UDP, port);
    this.#receivers.set(key, receive);
    const network = this.#network;
    const close = () => void this.#receivers.delete(key);
    const options = { identification: port & 0xff };
    let tuple: Tuple | undefined;
    return Promise.resolve({
      address,
      port,
      send: (to: Destination, payload: Uint8Array): Uint8Array => {
        if (tuple?.destination !== to.address || tuple.destinationPort !== to.port)
          tuple = { source: address, sourcePort: port, destination: to.address, destinationPort: to.port };
        options.identification = (options.identification + 1) & 0xffff;
        const packet = buildUdp(tuple, payload, options, memory);
        network.send(packet);
        return packet;
      },
      deafen: close,
      close,
    });
  }

  openRaw(index: number, receive: (packet: Uint8Array) => void, number?: number): Promise<RawPort> {
    const address = this.sources[index]!;
    const port = number ?? this.#freshPort();
    const keys = [TCP, UDP].map((protocol) => keyOf(address, protocol, port));
    for (const key of keys) this.#receivers.set(key, receive);
    const close = () => {
      for (const key of keys) this.#receivers.delete(key);
    };
    return Promise.resolve({ address, port, send: (packet) => this.#network.send(packet), deafen: close, close });
  }

  /** Spread as real ports are, so that nothing rests on neighbouring numbers. */
  #freshPort(): number {
    const port = this.#nextPort;
    this.#nextPort += 7;
    return port;
  }

  get isExhausted(): boolean {
    return this.#events > MOST_EVENTS;
  }

  async wait(deadline: Micros, done: () => boolean): Promise<void> {
    const network = this.#network;
    while (!done()) {
      if (this.#stopped) return;
      if (++this.#events > MOST_EVENTS || !network.step(deadline)) {
        network.now = Math.max(network.now, deadline);
        return;
      }
    }
  }

  async reach(to: Destination, within: Micros): Promise<ReachAnswer> {
    let answered = false;
    const port = await this.open(0, () => {
      answered = true;
    });
    port.send(to, new TextEncoder().encode('anybody there?'));
    await this.wait(this.now() + within, () => answered);
    port.close();
    return answered ? 'answered' : 'silent';
  }

  stop(): void {
    this.#stopped = true;
  }

  close(): void {
    this.#receivers.clear();
  }
}

/** Where the clock of a case's network begins. */
function startOf(seed: number): Micros {
  return new Random(seed ^ 0x5eed).below(0x4000_0000);
}

function keyOf(address: Ipv4, protocol: number, port: number): number {
  return addressKey(address, port) * 2 + (protocol === UDP ? 1 : 0);
}
