import { existsSync, readFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { readU16be, writeU16be } from '../../codec/bytes.js';
import { fold, ipv4HeaderChecksum, l4Checksum, pseudoHeaderSum } from '../../codec/checksum.js';
import { FRAGMENT_OFFSET, fragment, MORE_FRAGMENTS, mayFragment } from '../../codec/fragment.js';
import { formatIpv4, type Ipv4, TCP, UDP } from '../../codec/index.js';
import type { Identity } from '../identity.js';
import { ipv4Offset, LINKTYPE_ETHERNET } from '../link-type.js';
import { ClaimedPorts } from '../linux/claimed-ports.js';
import { HostError } from '../linux/libc.js';
import { isOffloadOn } from '../linux/offloads.js';
import { interfacesOf } from '../own-interfaces.js';
import type { OnRawPacket, RawNetwork } from '../raw-network.js';
import { wallMicros } from '../wall-clock.js';
import { LinkHeaders, PROBE_PORT, type Way } from './link-headers.js';
import { PcapLink } from './pcap-link.js';

/** What a datagram is cut to when the way out carries no longer one. */
const SAFE_MTU = 1280;
const IP_HEADER = 20;
/** Milliseconds between two signs of life. */
const PING_PERIOD = 50;

/** An interface that packets go by. */
interface Attachment {
  /** Its position. */
  readonly device: number;
  readonly mtu: number;
  /** Whether frames may come here whose checksums their sender left to hardware, of which there is none. */
  readonly isVirtual: boolean;
}

/** Settings of `PcapSockets`. */
export interface PcapSocketsOptions {
  /** Who the processes that use libpcap are to be once interfaces are open. */
  readonly identity?: Identity | undefined;
  /** Called once when nothing can be sent and read any more, with a sentence that says why. */
  readonly onFailure?: (sentence: string) => void;
  /** Gets how many microseconds it takes to be served by the process that uses libpcap, twenty times a second and for each packet sent. */
  readonly onLate?: (micros: number) => void;
}

/**
 * Whole IPv4 packets of TCP and UDP from and to addresses of this machine, as frames of libpcap: those that arrive are read with
 * whatever checksum they have, and packets are sent behind the link layer's header that the system itself puts before such
 * packets. On Ethernet, and where the kernel can be kept silent at single ports: on Linux.
 */
export class PcapSockets implements RawNetwork {
  readonly ports = new ClaimedPorts();
  #refused = 0;
  #failure: string | undefined;
  #identification = 0;
  #link: PcapLink | undefined;
  #attachments: readonly Attachment[] = [];
  #timer: NodeJS.Timeout | undefined;
  #headers: LinkHeaders<Attachment> | undefined;

  private constructor(
    private readonly onPacket: OnRawPacket,
    private readonly options: PcapSocketsOptions,
  ) {}

  /** @throws HostError where it cannot be done, PcapError where libpcap does not open an interface. */
  static async open(
    addresses: readonly Ipv4[],
    onPacket: OnRawPacket,
    options: PcapSocketsOptions = {},
  ): Promise<PcapSockets> {
    if (process.platform !== 'linux')
      throw new HostError(
        'ENOTSUP',
        `The kernel cannot be kept silent at single ports on ${process.platform}: it would reset what is examined.`,
      );
    const sockets = new PcapSockets(onPacket, options);
    try {
      await sockets.#attach([...interfacesOf(addresses)], addresses);
      sockets.#headers = await LinkHeaders.open<Attachment>(
        addresses,
        (way, packet) => sockets.#transmit(way, packet),
        (packets) => {
          sockets.#refused += packets;
        },
      );
    } catch (error) {
      sockets.close();
      throw error;
    }
    return sockets;
  }

  get refused(): number {
    return this.#refused + (this.#link?.refused ?? 0);
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  send(packet: Uint8Array, source?: Ipv4): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    this.#headers?.pass(this.#completed(packet), source ?? view.getUint32(12));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#headers?.close();
    this.#link?.close();
    this.ports.close();
  }

  /** All interfaces by one process, so that paths differ by what is between them and the peer, and not by when a process is served. */
  async #attach(interfaces: readonly [string, NetworkInterfaceInfo][], addresses: readonly Ipv4[]): Promise<void> {
    for (const [name, { internal }] of interfaces) {
      const reason = internal
        ? `Linux delivers no frame that is put on ${name}: examine a peer that is not on this host`
        : whyNot(name);
      if (reason !== undefined) throw new HostError('ENOTSUP', `${reason}; or take --link packet.`);
    }
    const hosts = addresses.map(formatIpv4);
    const arriving = `(tcp or udp) and (${hosts.map((host) => `dst host ${host}`).join(' or ')})`;
    const probes = `udp dst port ${PROBE_PORT} and (${hosts.map((host) => `src host ${host}`).join(' or ')})`;
    const { identity, onLate } = this.options;
    const names = interfaces.map(([name]) => name);
    const link = await PcapLink.open(names, { filter: `ip and ((${arriving}) or (${probes}))`, identity });
    this.#link = link;
    this.#attachments = names.map((name, device) => ({
      device,
      mtu: Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8')),
      isVirtual: !existsSync(`/sys/class/net/${name}/device`),
    }));
    const other = names.find((_, device) => link.linkTypes[device] !== LINKTYPE_ETHERNET);
    if (other !== undefined) throw new HostError('ENOTSUP', `${other} is no Ethernet: take --link packet.`);
    if (onLate !== undefined) link.onServed = onLate;
    this.#timer = setInterval(() => link.ping(), PING_PERIOD);
    this.#timer.unref();
    link.onReady = () => this.#read(link);
    this.#read(link);
  }

  #read(link: PcapLink): void {
    for (let frame = link.read(); frame !== undefined; frame = link.read()) {
      const { device, octets, micros } = frame;
      const attachment = this.#attachments[device]!;
      const at = ipv4Offset(LINKTYPE_ETHERNET, octets, 0, octets.length);
      if (at < 0 || octets.length < at + IP_HEADER) continue;
      if (this.#headers?.learn(attachment, octets, at)) continue;
      // Short frames are padded.
      const length = readU16be(octets, at + 2);
      if (length < IP_HEADER || at + length > octets.length) continue;
      const packet = octets.subarray(at, at + length);
      if (attachment.isVirtual) completeChecksum(packet);
      this.onPacket(packet, Math.max(0, wallMicros() - micros));
    }
    if (link.failure === undefined || this.#failure !== undefined) return;
    this.#failure = link.failure;
    this.options.onFailure?.(link.failure);
  }

  /** As a raw socket of the kernel sends it. */
  #completed(given: Uint8Array): Uint8Array {
    const packet = given.slice();
    writeU16be(packet, 2, packet.length);
    if (readU16be(packet, 4) === 0) {
      this.#identification = (this.#identification % 0xffff) + 1;
      writeU16be(packet, 4, this.#identification);
    }
    const headerLength = (packet[0]! & 15) * 4;
    if (headerLength >= IP_HEADER && headerLength <= packet.length)
      writeU16be(packet, 10, ipv4HeaderChecksum(packet, 0, headerLength));
    return packet;
  }

  #transmit({ interface: { device, mtu }, header }: Way<Attachment>, packet: Uint8Array): void {
    if (packet.length > mtu && (!mayFragment(packet) || readU16be(packet, 6) !== 0)) {
      this.#refused++;
      return;
    }
    for (const piece of packet.length > mtu ? fragment(packet, SAFE_MTU) : [packet]) {
      const frame = new Uint8Array(header.length + piece.length);
      frame.set(header);
      frame.set(piece, header.length);
      this.#link?.send(frame, device);
    }
  }
}

/** Why what arrives at an interface cannot be seen as it was on the wire, and what to do; undefined where it can. */
function whyNot(name: string): string | undefined {
  if (!isOffloadOn(name, 'gro') && !isOffloadOn(name, 'lro')) return undefined;
  return `${name} joins segments that arrive, and libpcap does not show which: switch that off (ethtool -K ${name} gro off lro off)`;
}

/**
 * Completes the checksum of a packet whose sender has put the pseudo-header's sum there and left the rest to hardware, as the
 * kernel of a virtual link's other end does. Any other checksum stays, right or wrong.
 */
export function completeChecksum(packet: Uint8Array): void {
  const protocol = packet[9]!;
  const transport = (packet[0]! & 15) * 4;
  const field = transport + (protocol === TCP ? 16 : 6);
  if ((protocol !== TCP && protocol !== UDP) || packet.length < transport + (protocol === TCP ? 20 : 8)) return;
  if ((readU16be(packet, 6) & (FRAGMENT_OFFSET | MORE_FRAGMENTS)) !== 0) return;
  if (readU16be(packet, field) !== fold(pseudoHeaderSum(packet, 0, protocol, packet.length - transport))) return;
  writeU16be(packet, field, l4Checksum(packet, 0, protocol, transport, packet.length));
}
