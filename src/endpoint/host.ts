import { part, readU16be } from '../codec/bytes.js';
import { fold, l4Checksum } from '../codec/checksum.js';
import { buildUdp, DatagramView, HeaderStatus, type Ipv4, TCP, UDP } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import { Slab } from '../codec/slab.js';
import { Endpoint } from './endpoint.js';
import type { EndpointOptions } from './options.js';
import { SERVICES, type ServiceAddress } from './services.js';
import { TcpStack } from './tcp-stack.js';

/** Payload of a TCP segment of a reference host: fits 1500 octets with either layout and the UDP wrapper. */
const MSS = 1380;

/** Octets of the IPv4 and UDP header. */
const UDP_HEADERS = 28;

/** For the answers of all hosts: many are made for a few packets each. */
const memory = new Slab();

/** How a reference host is made: an endpoint and the services above it. */
export interface ReferenceHostOptions extends EndpointOptions {
  readonly services: readonly ServiceAddress[];
  /**
   * True to take no TCP segment or UDP datagram with a wrong checksum, as a kernel does: what the endpoint makes of checksums
   * then shows in what is answered. Default false: whatever goes up is answered, for who looks for what goes up.
   */
  readonly verifiesChecksums?: boolean;
}

/**
 * A host with an MPIP node and services above it, without I/O: what `mpip peer --address` runs over sockets (UDP only)
 * and `mpip check --self` over the virtual network (UDP and TCP on the same ports). Datagrams for ports without a service
 * vanish, segments are answered with RST.
 */
export class ReferenceHost {
  readonly endpoint: Endpoint;
  readonly addresses: readonly Ipv4[];
  readonly #services: ReadonlyMap<number, ServiceAddress['name']>;
  readonly tcp: TcpStack;
  readonly #verifiesChecksums: boolean;
  readonly #view = new DatagramView();

  /** Patch the endpoint before the first packet by handing in one of your own. */
  constructor(options: ReferenceHostOptions, endpoint = new Endpoint(options)) {
    this.endpoint = endpoint;
    this.addresses = options.addresses;
    this.#verifiesChecksums = options.verifiesChecksums ?? false;
    this.#services = new Map(options.services.map((service) => [service.port, service.name]));
    this.tcp = new TcpStack({
      seed: options.seed ?? 1,
      mss: MSS,
      service: (port) => {
        const name = this.#services.get(port);
        return name === undefined ? undefined : SERVICES[name];
      },
      send: (packet, now) => this.endpoint.fromHost(packet, now),
    });
  }

  /** A datagram arrived from the network. */
  receive(packet: Uint8Array, now: number, length = packet.length): void {
    this.endpoint.fromNetwork(packet, now, length);
    this.#serveAll(now);
  }

  /** Hands what the endpoint delivers to the services; false when there was nothing. */
  #serveAll(now: number): boolean {
    const deliveries = this.endpoint.takeDeliveries();
    for (let i = 0; i < deliveries.length; i++) {
      const slot = deliveries.at(i);
      this.#serve(slot.bytes, slot.length, now);
    }
    return deliveries.length > 0;
  }

  /** Runs due work; returns when to be called again, microseconds. */
  poll(now: number): number {
    this.tcp.poll(now);
    const due = this.endpoint.poll(now);
    // What the reordering buffer released may make the services answer, and that may be due earlier.
    return Math.min(this.#serveAll(now) ? this.endpoint.poll(now) : due, this.tcp.deadline);
  }

  /** Hands over every datagram to send; `send` must copy what it keeps. */
  drain(send: (packet: Uint8Array) => void): void {
    const transmits = this.endpoint.takeTransmits();
    for (let i = 0; i < transmits.length; i++) {
      const slot = transmits.at(i);
      send(part(slot.bytes, 0, slot.length));
    }
  }

  #serve(bytes: Uint8Array, length: number, now: number): void {
    const view = this.#view;
    if (view.parse(bytes, 0, length) !== HeaderStatus.ok) return;
    if (this.#verifiesChecksums && !isSound(view)) return;
    if (view.protocol === TCP) {
      this.tcp.receive(view, now);
      return;
    }
    if (view.protocol !== UDP) return;
    const name = this.#services.get(view.destinationPort);
    if (name === undefined) return;
    const end = Math.min(view.end, view.l4Offset + view.udpLength);
    const answer = SERVICES[name](part(bytes, view.payloadOffset, Math.max(view.payloadOffset, end)));
    if (answer === undefined) return;
    // As a kernel does: what no link carries whole may be cut.
    const dontFragment = UDP_HEADERS + answer.length <= this.endpoint.state.pathMtus.linkMtu;
    this.endpoint.fromHost(buildUdp(reversedTuple(view), answer, { dontFragment }, memory), now);
  }
}

/** True when the TCP or UDP checksum is right, or was not computed (UDP); other protocols have none. */
function isSound({ bytes, offset, l4Offset, protocol, end, udpLength }: DatagramView): boolean {
  if (protocol !== TCP && protocol !== UDP) return true;
  const field = readU16be(bytes, l4Offset + (protocol === TCP ? 16 : 6));
  if (protocol === TCP) return fold(field) === fold(l4Checksum(bytes, offset, TCP, l4Offset, end));
  const covered = Math.min(end, l4Offset + Math.max(udpLength, 8));
  return field === 0 || fold(field) === fold(l4Checksum(bytes, offset, UDP, l4Offset, covered));
}

/** A reference host; see `ReferenceHost`. */
export function createReferenceHost(options: ReferenceHostOptions): ReferenceHost {
  return new ReferenceHost(options);
}
