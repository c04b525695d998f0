import { buildUdp, DatagramView, HeaderStatus, type Ipv4, UDP } from '../codec/index.js';
import { reversedTuple } from '../codec/rewrite.js';
import { Endpoint } from './endpoint.js';
import type { EndpointOptions } from './options.js';
import { SERVICES, type ServiceAddress } from './services.js';

/** How a reference host is made: an endpoint and the services above it. */
export interface ReferenceHostOptions extends EndpointOptions {
  readonly services: readonly ServiceAddress[];
}

/**
 * A host with an MPIP node and UDP services above it, without I/O: what `mpip peer --address` runs over sockets and
 * `mpip check --self` over the virtual network. Datagrams for ports without a service vanish.
 */
export class ReferenceHost {
  readonly endpoint: Endpoint;
  readonly addresses: readonly Ipv4[];
  readonly #services: ReadonlyMap<number, ServiceAddress['name']>;
  readonly #view = new DatagramView();

  /** Patch the endpoint before the first packet by handing in one of your own. */
  constructor(options: ReferenceHostOptions, endpoint = new Endpoint(options)) {
    this.endpoint = endpoint;
    this.addresses = options.addresses;
    this.#services = new Map(options.services.map((service) => [service.port, service.name]));
  }

  /** A datagram arrived from the network. */
  receive(packet: Uint8Array, now: number, length = packet.length): void {
    this.endpoint.fromNetwork(packet, now, length);
    const deliveries = this.endpoint.takeDeliveries();
    for (let i = 0; i < deliveries.length; i++) {
      const slot = deliveries.at(i);
      this.#serve(slot.bytes, slot.length, now);
    }
  }

  /** Runs due work; returns when to be called again, microseconds. */
  poll(now: number): number {
    return this.endpoint.poll(now);
  }

  /** Hands over every datagram to send; `send` must copy what it keeps. */
  drain(send: (packet: Uint8Array) => void): void {
    const transmits = this.endpoint.takeTransmits();
    for (let i = 0; i < transmits.length; i++) {
      const slot = transmits.at(i);
      send(slot.bytes.subarray(0, slot.length));
    }
  }

  #serve(bytes: Uint8Array, length: number, now: number): void {
    const view = this.#view;
    if (view.parse(bytes, 0, length) !== HeaderStatus.ok || view.protocol !== UDP) return;
    const name = this.#services.get(view.destinationPort);
    if (name === undefined) return;
    const end = Math.min(view.end, view.l4Offset + view.udpLength);
    const answer = SERVICES[name](bytes.subarray(view.payloadOffset, Math.max(view.payloadOffset, end)));
    if (answer !== undefined) this.endpoint.fromHost(buildUdp(reversedTuple(view), answer), now);
  }
}

/** A reference host; see `ReferenceHost`. */
export function createReferenceHost(options: ReferenceHostOptions): ReferenceHost {
  return new ReferenceHost(options);
}
