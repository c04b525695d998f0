import {
  buildTcp,
  buildUdp,
  formatIpv4,
  type Ipv4,
  parseIpv4,
  type TcpFields,
  type Tuple,
} from '../../src/codec/index.js';
import { Endpoint, type EndpointOptions } from '../../src/endpoint/index.js';
import { type LinkOptions, type VirtualHost, VirtualNetwork } from '../../src/sim/network.js';
import { look, type Seen } from './peer-driver.js';

/** An endpoint on the virtual network whose host is the test. */
export class Node implements VirtualHost {
  endpoint: Endpoint;
  /** What the host got. */
  readonly delivered: Seen[] = [];
  /** What left the node. */
  readonly sent: Seen[] = [];
  addresses: readonly Ipv4[];

  constructor(
    readonly network: () => VirtualNetwork,
    options: EndpointOptions,
  ) {
    this.endpoint = new Endpoint(options);
    this.addresses = options.addresses;
  }

  receive(packet: Uint8Array, now: number): void {
    this.endpoint.fromNetwork(packet, now);
    this.#collect();
  }

  poll(now: number): number {
    const next = this.endpoint.poll(now);
    this.#collect();
    return next;
  }

  drain(send: (packet: Uint8Array) => void): void {
    for (const packet of this.endpoint.takeTransmits().toArray()) {
      this.sent.push(look(packet));
      send(packet);
    }
  }

  /** The host sends a datagram or segment. */
  host(packet: Uint8Array): void {
    this.endpoint.fromHost(packet, this.network().timeOf(this));
    this.network().wake(this);
  }

  /** The node starts again: another endpoint, nothing remembered. */
  reboot(options: EndpointOptions): void {
    this.endpoint = new Endpoint(options);
  }

  /** The host's network manager tells the node its addresses. */
  setAddresses(addresses: readonly Ipv4[]): void {
    this.endpoint.setAddresses(addresses, this.network().timeOf(this));
  }

  #collect(): void {
    for (const packet of this.endpoint.takeDeliveries().toArray()) this.delivered.push(look(packet));
  }
}

export const A1 = parseIpv4('10.1.0.1');
export const A2 = parseIpv4('10.2.0.1');
export const B1 = parseIpv4('10.1.0.2');
export const B2 = parseIpv4('10.2.0.2');

/** Two nodes with two addresses each, four paths between them, and one connection from A1:40000 to B1:7000. */
export class Pair {
  readonly network: VirtualNetwork;
  readonly a: Node;
  readonly b: Node;
  /** By `source-destination` in dotted form: what differs on that way. */
  readonly links = new Map<string, LinkOptions | 'down'>();

  constructor(
    options: { a?: Partial<EndpointOptions>; b?: Partial<EndpointOptions>; seed?: number } & LinkOptions = {},
  ) {
    this.network = new VirtualNetwork({ delayMicros: 1000, startMicros: 1_000_000, ...options });
    this.network.route = (source, destination) => this.links.get(`${formatIpv4(source)}-${formatIpv4(destination)}`);
    this.a = new Node(() => this.network, { addresses: [A1, A2], mac: 0x020000000a01, seed: 11, ...options.a });
    this.b = new Node(() => this.network, { addresses: [B1, B2], mac: 0x020000000b01, seed: 12, ...options.b });
    this.network.attach(this.a);
    this.network.attach(this.b);
  }

  readonly toB: Tuple = { source: A1, sourcePort: 40000, destination: B1, destinationPort: 7000 };
  readonly toA: Tuple = { source: B1, sourcePort: 7000, destination: A1, destinationPort: 40000 };

  /** Lets the network run. */
  run(millis: number): void {
    this.network.runUntil(this.network.now + millis * 1000);
  }

  /** One datagram each way and a pause. */
  exchange(payload = 'x', pauseMillis = 5): void {
    this.a.host(buildUdp(this.toB, new TextEncoder().encode(payload)));
    this.run(pauseMillis);
    this.b.host(buildUdp(this.toA, new TextEncoder().encode(payload)));
    this.run(pauseMillis);
  }

  /** One segment from A or B. */
  segment(from: 'a' | 'b', fields: TcpFields, payload = ''): void {
    this[from].host(buildTcp(from === 'a' ? this.toB : this.toA, fields, new TextEncoder().encode(payload)));
    this.run(5);
  }
}

/** The IP addresses of a packet, as `source-destination`. */
export function way({ tuple }: Seen): string {
  return `${formatIpv4(tuple.source)}-${formatIpv4(tuple.destination)}`;
}

/** How many packets took each way. */
export function shares(packets: readonly Seen[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const packet of packets) counts.set(way(packet), (counts.get(way(packet)) ?? 0) + 1);
  return counts;
}
