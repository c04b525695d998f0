import { readU16be, readU32be } from '../../codec/bytes.js';
import { type Ipv4, TCP, UDP } from '../../codec/index.js';
import { RawSockets } from '../../io/linux/raw-sockets.js';
import { LiveTarget, type LiveTargetOptions } from './live-target.js';

/** Octets without which a packet has no addresses. */
const LEAST = 20;

/**
 * A live peer over packet sockets (Linux, CAP_NET_RAW): TCP as well, and headers as the fuzzer makes them, but for the total length
 * and checksum of the IP header, which are the kernel's. The kernel is kept from answering at the ports that an exchange uses.
 * Nothing leaves from an address that the surroundings do not have, nor for anybody but the peer, whatever a mutator makes of it.
 */
export class RawTarget extends LiveTarget {
  readonly kind = 'raw';
  #sockets: RawSockets | undefined;
  /** Addresses that `#sockets` has. */
  #opened: readonly Ipv4[] = [];
  #sources: ReadonlySet<Ipv4> = new Set();

  /** @throws HostError where packet sockets are not to be had, or an address is none of this machine. */
  static open(options: LiveTargetOptions): RawTarget {
    const target = new RawTarget(options);
    target.#open();
    return target;
  }

  private constructor(options: LiveTargetOptions) {
    super(options);
  }

  override begin(seed: number): undefined {
    super.begin(seed);
    this.#open();
  }

  protected transmit(packet: Uint8Array): boolean {
    const sockets = this.#sockets;
    if (sockets === undefined || packet.length < LEAST) return false;
    const source = readU32be(packet, 12);
    if (!this.#sources.has(source) || readU32be(packet, 16) !== this.surroundings.peer) return false;
    this.#silence(sockets, packet, source);
    sockets.send(packet, this.#opened.includes(source) ? source : this.#opened[0]);
    return true;
  }

  protected release(): void {
    this.#sockets?.close();
    this.#sockets = undefined;
  }

  #open(): void {
    const { bystander, actors, forged } = this.surroundings;
    this.#opened = [...new Set([bystander, ...actors].flat())];
    this.#sources = new Set([...this.#opened, ...forged]);
    this.#sockets ??= RawSockets.open(this.#opened, (packet) => this.arrived(packet.slice()));
  }

  /** Keeps the kernel from answering what comes back to the port that a packet leaves from. */
  #silence(sockets: RawSockets, packet: Uint8Array, source: Ipv4): void {
    const l4 = (packet[0]! & 15) * 4;
    const protocol = packet[9] === TCP ? TCP : packet[9] === UDP ? UDP : undefined;
    const isFirst = (readU16be(packet, 6) & 0x1fff) === 0;
    if (protocol === undefined || !isFirst || packet.length < l4 + 2 || !this.#opened.includes(source)) return;
    const port = readU16be(packet, l4);
    if (port === 0 || sockets.ports.has(protocol, source, port)) return;
    const error = sockets.ports.claim(protocol, source, port);
    if (error !== undefined && this.#isOwn(port))
      this.failed(`${protocol === TCP ? 'TCP' : 'UDP'} ${this.placeText(source, port)} cannot be used (${error}).`);
  }

  #isOwn(port: number): boolean {
    return port >= this.port(0) && port < this.port(16);
  }
}
