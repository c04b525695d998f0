import { readU16be, readU32be } from '../codec/bytes.js';
import { addressKey, formatIpv4, type Ipv4, TCP, UDP } from '../codec/index.js';
import { HostError } from '../io/linux/libc.js';
import { RawSockets } from '../io/linux/raw-sockets.js';
import type { OpenRawNetwork, RawNetwork } from '../io/raw-network.js';
import { type CaseLink, type Destination, LinkError, type Receive } from './link.js';
import { type HeldPort, LiveCaseLink, LiveLink, type LiveLinkOptions, microsNow, type Protocols } from './live-link.js';
import { liveSources } from './live-sources.js';
import { type AddressBlock, isIn, OWN_BLOCKS } from './targets.js';

/** Settings of a `RawLink`. */
export interface RawLinkOptions extends LiveLinkOptions {
  /** Where packets may go beside loopback, private and link-local addresses: whoever is there agreed to it. */
  readonly allowedTargets?: readonly AddressBlock[];
  /** What carries the packets; default: packet sockets. */
  readonly network?: OpenRawNetwork;
}

/** TCP ports of a whole run, and some more. */
const PREPARED_PORTS = 384;

const HEADERS = 28;

/**
 * A link over whole packets: TCP and UDP as they are on the wire, wrong checksums included, and whole packets to send. It
 * needs privilege to be opened, not afterwards. The local kernel is kept from answering at exactly the ports that cases have,
 * without any change of the host (`ClaimedPorts`). Over packet sockets, the default, packets have the kernel's times. Use `RawLink.open`.
 */
export class RawLink extends LiveLink {
  readonly kind = 'raw';
  readonly sockets: RawNetwork;
  readonly #targets: readonly AddressBlock[];
  /** By protocol, address and port; what came last hears. */
  readonly #receivers = new Map<number, Receive[]>();

  private constructor(sources: readonly Ipv4[], options: RawLinkOptions, sockets: RawNetwork) {
    super(sources, options);
    this.#targets = [...OWN_BLOCKS, ...(options.allowedTargets ?? [])];
    this.sockets = sockets;
    this.sockets.ports.prepare(PREPARED_PORTS);
  }

  /**
   * Finds the local addresses and opens the sockets.
   * @throws LinkError when one of the given addresses cannot be used, HostError (`EPERM`, `ENOTSUP`) where packet
   * sockets are not to be had, and what `network` throws.
   */
  static async open(options: RawLinkOptions): Promise<RawLink> {
    const sources = await liveSources(options.peer, options.sources);
    if (sources.includes(0)) throw new HostError('ENETUNREACH', 'There is no way to the peer.');
    const open = options.network ?? RawSockets.open;
    let link: RawLink | undefined;
    // What arrives before is for no case.
    const sockets = await open(
      sources,
      (packet, age) => {
        if (link !== undefined) link.#receive(packet, age);
      },
      (late) => link?.lateness.note(Math.round(late)),
    );
    link = new RawLink(sources, options, sockets);
    await link.begin();
    return link;
  }

  openCase(_seed: number): CaseLink {
    return new RawCaseLink(this);
  }

  /**
   * Hands over what arrives at ports, of the given protocols, until the returned function is called; to nobody else who
   * asked for the same before.
   */
  register(protocols: Protocols, address: Ipv4, port: number, receive: Receive): () => void {
    const keys = protocols.map((protocol) => portKey(protocol, address, port));
    for (const key of keys) this.#receivers.set(key, [...(this.#receivers.get(key) ?? []), receive]);
    return () => {
      for (const key of keys) {
        const left = (this.#receivers.get(key) ?? []).filter((other) => other !== receive);
        if (left.length > 0) this.#receivers.set(key, left);
        else this.#receivers.delete(key);
      }
    };
  }

  /**
   * Sends a packet as soon as the rate allows it, by the way of `source`.
   * @throws LinkError for a destination that is neither the tester's own kind nor allowed, and when nothing can be sent any more.
   */
  send(packet: Uint8Array, source: Ipv4): void {
    if (this.sockets.failure !== undefined) throw new LinkError(this.sockets.failure);
    const destination = readU32be(packet, 16);
    if (!isIn(this.#targets, destination))
      throw new LinkError(
        `A case wanted to send a raw packet to ${formatIpv4(destination)}, which is neither loopback nor private; --allow-target allows it.`,
      );
    this.pacer.pass(() => this.sockets.send(packet, source));
  }

  override close(): void {
    super.close();
    this.sockets.close();
  }

  #receive(packet: Uint8Array, age: number): void {
    const ipLength = (packet[0]! & 15) * 4;
    if (packet.length < HEADERS || packet.length < ipLength + 4) return;
    const key = portKey(packet[9]!, readU32be(packet, 16), readU16be(packet, ipLength + 2));
    const receive = this.#receivers.get(key)?.at(-1);
    if (receive === undefined) return;
    this.lateness.note(Math.round(age));
    // The array is the link's and is used again.
    receive(packet.slice(), Math.round(microsNow() - age));
  }
}

class RawCaseLink extends LiveCaseLink<HeldPort> {
  /** How often this case holds each port that it claimed. */
  readonly #held = new Map<number, number>();

  constructor(private readonly link: RawLink) {
    super(link);
  }

  /** Claims a port for every protocol; a case may have one several times, as for two protocols apart. */
  protected hold(protocols: Protocols, address: Ipv4, port: number): HeldPort | undefined {
    const { ports } = this.link.sockets;
    const claimed: (typeof TCP | typeof UDP)[] = [];
    const release = () => {
      for (const protocol of claimed.splice(0)) {
        const key = portKey(protocol, address, port);
        const left = this.#held.get(key)! - 1;
        this.#held.set(key, left);
        if (left === 0) ports.release(protocol, address, port);
      }
    };
    for (const protocol of protocols) {
      const key = portKey(protocol, address, port);
      const count = this.#held.get(key) ?? 0;
      const error = count > 0 ? undefined : ports.claim(protocol, address, port);
      if (error === undefined) {
        this.#held.set(key, count + 1);
        claimed.push(protocol);
        continue;
      }
      release();
      if (error === 'EADDRINUSE' || error === 'EACCES') return undefined;
      throw new LinkError(
        error === 'EMFILE'
          ? 'Too many ports are open at once (EMFILE); give fewer --jobs or a higher limit (ulimit -n).'
          : `Port ${port} of ${formatIpv4(address)} cannot be used (${error}).`,
      );
    }
    return { port, hear: (receive) => this.link.register(protocols, address, port, receive), release };
  }

  protected transmit({ port: _port }: HeldPort, _to: Destination, packet: Uint8Array): void {
    this.link.send(packet, readU32be(packet, 12));
  }

  protected transmitRaw(packet: Uint8Array, source: Ipv4): void {
    this.#silence(packet);
    this.link.send(packet, source);
  }

  /** Keeps the kernel from answering what comes back to an own port that the case has not opened. */
  #silence(packet: Uint8Array): void {
    const source = readU32be(packet, 12);
    const protocol = packet[9] === TCP ? TCP : UDP;
    const port = readU16be(packet, (packet[0]! & 15) * 4);
    const { ports } = this.link.sockets;
    if (!this.sources.includes(source) || ports.has(protocol, source, port)) return;
    const held = this.hold([protocol], source, port);
    if (held !== undefined) this.onClose(() => held.release());
  }
}

function portKey(protocol: number, address: Ipv4, port: number): number {
  return addressKey(address, port) * 2 + (protocol === UDP ? 1 : 0);
}
