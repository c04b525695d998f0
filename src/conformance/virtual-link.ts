import { buildUdp, type Ipv4, Random } from '../codec/index.js';
import { type LinkOptions, type VirtualHost, VirtualNetwork } from '../sim/network.js';
import type { CaseLink, Destination, Link, LinkPort, Micros, ReachAnswer } from './link.js';

/** Settings of a `VirtualLink`. */
export interface VirtualLinkOptions {
  /** Makes a fresh peer for a case; `seed` is different for each case and the same in every run with one seed. */
  readonly createPeer: (seed: number) => VirtualHost;
  /** Addresses of the tester. Default 198.51.100.1 and 198.51.100.2. */
  readonly sources?: readonly Ipv4[];
  /** Delay, jitter, loss and duplication between tester and peer. */
  readonly network?: LinkOptions;
}

const DEFAULT_SOURCES: readonly Ipv4[] = [0xc6336401, 0xc6336402];
/** Evidence of virtual runs begins at 2020-01-01 00:00:00 UTC, so that equal runs give equal files. */
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
  readonly #options: VirtualLinkOptions;

  constructor(options: VirtualLinkOptions) {
    this.#options = options;
    this.sources = options.sources ?? DEFAULT_SOURCES;
    this.slack = 2_000 + 2 * ((options.network?.delayMicros ?? 50) + (options.network?.jitterMicros ?? 0));
  }

  openCase(seed: number): CaseLink {
    return new VirtualCaseLink(this.#options, this.sources, seed);
  }

  close(): void {}
}

class VirtualCaseLink implements CaseLink {
  readonly kind = 'virtual';
  readonly epoch: number;
  readonly #network: VirtualNetwork;
  readonly #receivers = new Map<number, (packet: Uint8Array) => void>();
  #nextPort = FIRST_PORT;
  #events = 0;
  #stopped = false;

  constructor(
    options: VirtualLinkOptions,
    readonly sources: readonly Ipv4[],
    seed: number,
  ) {
    const startMicros = new Random(seed ^ 0x5eed).below(0x8000_0000);
    this.epoch = EPOCH - startMicros;
    this.#network = new VirtualNetwork({ ...options.network, seed, startMicros });
    this.#network.attach({
      addresses: this.sources,
      receive: (packet) => {
        if (packet.length < 28 || packet[9] !== 17) return;
        this.#receivers.get((packet[22]! << 8) | packet[23]!)?.(packet);
      },
      poll: () => Number.POSITIVE_INFINITY,
      drain: () => {},
    });
    this.#network.attach(options.createPeer(seed));
  }

  now(): Micros {
    return this.#network.now;
  }

  open(index: number, receive: (packet: Uint8Array) => void): Promise<LinkPort> {
    const address = this.sources[index]!;
    // Spread as real ports are, so that nothing rests on neighbouring numbers.
    const port = this.#nextPort;
    this.#nextPort += 7;
    this.#receivers.set(port, receive);
    const network = this.#network;
    let identification = port & 0xff;
    return Promise.resolve({
      address,
      port,
      send: (to: Destination, payload: Uint8Array): Uint8Array => {
        const tuple = { source: address, sourcePort: port, destination: to.address, destinationPort: to.port };
        identification = (identification + 1) & 0xffff;
        const packet = buildUdp(tuple, payload, { identification });
        network.send(packet);
        return packet;
      },
      deafen: () => {
        this.#receivers.delete(port);
      },
      close: () => {
        this.#receivers.delete(port);
      },
    });
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
