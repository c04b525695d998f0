import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { readU16be, readU32be } from '../codec/bytes.js';
import { addressKey, buildUdp, formatIpv4, type Ipv4, TCP, UDP } from '../codec/index.js';
import { HostError } from '../io/linux/libc.js';
import { RawSockets } from '../io/linux/raw-sockets.js';
import {
  type CaseLink,
  type Destination,
  type Link,
  LinkError,
  type LinkPort,
  type Micros,
  type RawPort,
  type ReachAnswer,
} from './link.js';
import { FreshPorts, liveSources, reachBySocket } from './live-sources.js';
import { LiveWaits } from './live-waits.js';
import { DEFAULT_RATE, Pacer } from './pacer.js';
import type { SocketLinkOptions } from './socket-link.js';
import { type AddressBlock, isIn, OWN_BLOCKS } from './targets.js';
import type { CaseUpperTester } from './upper-tester.js';

/** Settings of a `RawLink`. */
export interface RawLinkOptions extends SocketLinkOptions {
  /** Where packets may go beside loopback, private and link-local addresses: whoever is there agreed to it. */
  readonly allowedTargets?: readonly AddressBlock[];
}

/** TCP ports of a whole run, and some more. */
const PREPARED_PORTS = 384;

type Receive = (packet: Uint8Array) => void;
type Protocols = readonly (typeof TCP | typeof UDP)[];

const HEADERS = 28;
const BOTH: Protocols = [TCP, UDP];
const UDP_ONLY: Protocols = [UDP];

/**
 * A link over packet sockets: TCP and UDP as they are on the wire, wrong checksums included, and whole packets to send. It
 * needs CAP_NET_RAW to be opened, not afterwards. The local kernel is kept from answering at exactly the ports that cases have,
 * without any change of the host (`ClaimedPorts`). Use `RawLink.open`.
 */
export class RawLink implements Link {
  readonly kind = 'raw';
  readonly isVirtual = false;
  readonly slack = 300_000;
  readonly hasUpperTester: boolean;
  readonly nonce = randomInt(1, 2 ** 32);
  readonly ports = new FreshPorts();
  readonly sockets: RawSockets;
  readonly pacer: Pacer;
  readonly #targets: readonly AddressBlock[];
  readonly #receivers = new Map<number, Receive>();

  private constructor(
    readonly sources: readonly Ipv4[],
    readonly options: RawLinkOptions,
  ) {
    this.hasUpperTester = options.upper !== undefined;
    this.#targets = [...OWN_BLOCKS, ...(options.allowedTargets ?? [])];
    this.pacer = new Pacer(options.rate ?? DEFAULT_RATE, () => Math.round(performance.now() * 1000));
    this.sockets = RawSockets.open(sources, (packet) => this.#receive(packet));
    this.sockets.ports.prepare(PREPARED_PORTS);
  }

  get patience(): Micros {
    return this.options.patience ?? 1_000_000;
  }

  /**
   * Finds the local addresses and opens the sockets.
   * @throws LinkError when one of the given addresses cannot be used, HostError (`EPERM`, `ENOTSUP`) where packet
   * sockets are not to be had.
   */
  static async open(options: RawLinkOptions): Promise<RawLink> {
    const sources = await liveSources(options.peer, options.sources);
    if (sources.includes(0)) throw new HostError('ENETUNREACH', 'There is no way to the peer.');
    return new RawLink(sources, options);
  }

  openCase(_seed: number): CaseLink {
    return new RawCaseLink(this);
  }

  /** Hands over what arrives at ports, of the given protocols, until the returned function is called. */
  register(protocols: Protocols, address: Ipv4, port: number, receive: Receive): () => void {
    const keys = protocols.map((protocol) => receiverKey(protocol, address, port));
    for (const key of keys) this.#receivers.set(key, receive);
    return () => {
      for (const key of keys) this.#receivers.delete(key);
    };
  }

  /**
   * Sends a packet as soon as the rate allows it, by the way of `source`.
   * @throws LinkError for a destination that is neither the tester's own kind nor allowed.
   */
  send(packet: Uint8Array, source: Ipv4): void {
    const destination = readU32be(packet, 16);
    if (!isIn(this.#targets, destination))
      throw new LinkError(
        `A case wanted to send a raw packet to ${formatIpv4(destination)}, which is neither loopback nor private; --allow-target allows it.`,
      );
    this.pacer.pass(() => this.sockets.send(packet, source));
  }

  close(): void {
    this.options.upper?.close();
    this.pacer.close();
    this.sockets.close();
  }

  #receive(packet: Uint8Array): void {
    const ipLength = (packet[0]! & 15) * 4;
    if (packet.length < HEADERS || packet.length < ipLength + 4) return;
    const key = receiverKey(packet[9]!, readU32be(packet, 16), readU16be(packet, ipLength + 2));
    // The array is the link's and is used again.
    this.#receivers.get(key)?.(packet.slice());
  }
}

class RawCaseLink implements CaseLink {
  readonly kind = 'raw';
  readonly isExhausted = false;
  readonly sources: readonly Ipv4[];
  readonly #waits = new LiveWaits();
  readonly #closers = new Set<() => void>();
  #upper: CaseUpperTester | undefined;
  #closed = false;

  constructor(private readonly link: RawLink) {
    this.sources = link.sources;
  }

  get epoch(): number {
    return this.#waits.epoch;
  }

  get upper(): CaseUpperTester | undefined {
    this.#upper ??= this.link.options.upper?.open();
    return this.#upper;
  }

  now(): Micros {
    return this.#waits.now();
  }

  async open(index: number, receive: Receive, number?: number): Promise<LinkPort> {
    const opened = await this.#claim(UDP_ONLY, index, receive, number);
    const { address, port } = opened;
    let identification = port & 0xff;
    return {
      ...opened,
      send: (to: Destination, payload: Uint8Array): Uint8Array => {
        const tuple = { source: address, sourcePort: port, destination: to.address, destinationPort: to.port };
        identification = (identification % 0xffff) + 1;
        const packet = buildUdp(tuple, payload, { identification });
        if (!this.#closed) this.link.send(packet, address);
        return packet;
      },
    };
  }

  async openRaw(index: number, receive: Receive, number?: number): Promise<RawPort> {
    const opened = await this.#claim(BOTH, index, receive, number);
    return {
      ...opened,
      send: (packet) => {
        if (this.#closed) return;
        this.#silence(packet);
        this.link.send(packet, opened.address);
      },
    };
  }

  /** Keeps the kernel from answering what comes back to an own port that the case has not opened. */
  #silence(packet: Uint8Array): void {
    const { ports } = this.link.sockets;
    const source = readU32be(packet, 12);
    const protocol = packet[9] === TCP ? TCP : UDP;
    const port = readU16be(packet, (packet[0]! & 15) * 4);
    if (!this.sources.includes(source) || ports.has(protocol, source, port)) return;
    if (ports.claim(protocol, source, port) === undefined)
      this.#closers.add(() => ports.release(protocol, source, port));
  }

  wait(deadline: Micros, done: () => boolean): Promise<void> {
    return this.#waits.wait(deadline + this.link.pacer.lateness, done);
  }

  reach(to: Destination, within: Micros): Promise<ReachAnswer> {
    return reachBySocket(this.sources[0]!, to, within);
  }

  stop(): void {
    this.#waits.stop();
  }

  close(): void {
    this.#closed = true;
    this.stop();
    this.#upper?.release();
    for (const close of this.#closers) close();
  }

  async #claim(protocols: Protocols, index: number, receive: Receive, number: number | undefined) {
    const address = this.sources[index];
    if (address === undefined) throw new LinkError(`There is no local address number ${index}.`);
    const port = number ?? (await this.link.ports.take(address, (free) => this.#claimAll(protocols, address, free)));
    if (number !== undefined && this.#claimAll(protocols, address, number) === undefined)
      throw new LinkError(`Port ${number} of ${formatIpv4(address)} is not free.`);
    let isOpen = true;
    const unregister = this.link.register(protocols, address, port, (packet) => {
      receive(packet);
      this.#waits.arrived();
    });
    const close = () => {
      if (!isOpen) return;
      isOpen = false;
      unregister();
      for (const protocol of protocols) this.link.sockets.ports.release(protocol, address, port);
      this.#closers.delete(close);
    };
    this.#closers.add(close);
    if (this.#closed) {
      close();
      throw new LinkError('The case was over before its port was open.');
    }
    return { address, port, deafen: unregister, close };
  }

  /** Claims a port for every protocol; undefined when one is taken. */
  #claimAll(protocols: Protocols, address: Ipv4, port: number): number | undefined {
    const { ports } = this.link.sockets;
    const claimed: number[] = [];
    for (const protocol of protocols) {
      const error = ports.claim(protocol, address, port);
      if (error === undefined) {
        claimed.push(protocol);
        continue;
      }
      for (const own of claimed) ports.release(own as typeof TCP, address, port);
      if (error === 'EADDRINUSE' || error === 'EACCES') return undefined;
      throw new LinkError(
        error === 'EMFILE'
          ? 'Too many ports are open at once (EMFILE); give fewer --jobs or a higher limit (ulimit -n).'
          : `Port ${port} of ${formatIpv4(address)} cannot be used (${error}).`,
      );
    }
    return port;
  }
}

function receiverKey(protocol: number, address: Ipv4, port: number): number {
  return addressKey(address, port) * 2 + (protocol === UDP ? 1 : 0);
}
