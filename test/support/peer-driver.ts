import {
  attach,
  buildTcp,
  buildUdp,
  type ControlMessage,
  emptyControlMessage,
  Flags,
  type Ipv4,
  messageOf,
  parseIpv4,
  type TcpFields,
  TrailerView,
  type Tuple,
} from '../../src/codec/index.js';
import { Endpoint, type EndpointOptions } from '../../src/endpoint/index.js';

/** Addresses of the tests: the endpoint under test and its far ends. */
export const LOCAL = parseIpv4('192.0.2.1');
export const REMOTE = parseIpv4('198.51.100.1');
export const OTHER = parseIpv4('203.0.113.1');

/** A packet that an endpoint gave out, taken apart. */
export interface Seen {
  readonly tuple: Tuple;
  readonly payload: string;
  readonly cm: ControlMessage | undefined;
  readonly bytes: Uint8Array;
}

/** Takes a packet apart; `cm` is undefined for an ordinary one. */
export function look(bytes: Uint8Array): Seen {
  const view = new TrailerView();
  view.locate(bytes);
  const end = view.hasCm ? view.cm.trailerStart : view.end;
  return {
    tuple: {
      source: view.source,
      sourcePort: view.sourcePort,
      destination: view.destination,
      destinationPort: view.destinationPort,
    },
    payload: Buffer.from(bytes.subarray(view.payloadOffset, end)).toString('latin1'),
    cm: view.hasCm ? messageOf(view.cm) : undefined,
    bytes,
  };
}

/** Appends a CM to a datagram. */
export function withCm(packet: Uint8Array, cm: Partial<ControlMessage>): Uint8Array {
  const out = new Uint8Array(packet.length + 100);
  const message = { ...emptyControlMessage(cm.layout), nodeId: 0x0a01, localAddresses: [REMOTE], ...cm };
  return out.slice(0, attach(packet, message, out));
}

/** Drives one endpoint by hand: host packets and network packets in, what it sends and delivers out. */
export class Driver {
  readonly endpoint: Endpoint;
  /** Microseconds. */
  now = 1_000_000;

  constructor(options: Partial<EndpointOptions> = {}) {
    this.endpoint = new Endpoint({ addresses: [LOCAL], mac: 0x020000000b01, ...options });
  }

  /** A UDP datagram of the host; returns what went to the network. */
  hostUdp(payload = 'data', to: { address?: Ipv4; port?: number; from?: number } = {}): Seen[] {
    const tuple = {
      source: LOCAL,
      sourcePort: to.from ?? 7000,
      destination: to.address ?? REMOTE,
      destinationPort: to.port ?? 40000,
    };
    return this.host(buildUdp(tuple, new TextEncoder().encode(payload)));
  }

  /** A TCP segment of the host; returns what went to the network. */
  hostTcp(fields: TcpFields, payload = ''): Seen[] {
    const tuple = { source: LOCAL, sourcePort: 7000, destination: REMOTE, destinationPort: 40000 };
    return this.host(buildTcp(tuple, fields, new TextEncoder().encode(payload)));
  }

  host(packet: Uint8Array): Seen[] {
    this.endpoint.fromHost(packet, this.now);
    return this.sent();
  }

  /** A UDP datagram from the network, with a CM when given; returns what the endpoint sent and delivered. */
  netUdp(
    cm: Partial<ControlMessage> | undefined,
    payload = 'data',
    from: { address?: Ipv4; port?: number; to?: number } = {},
  ): { sent: Seen[]; delivered: Seen[] } {
    const tuple = {
      source: from.address ?? REMOTE,
      sourcePort: from.port ?? 40000,
      destination: LOCAL,
      destinationPort: from.to ?? 7000,
    };
    const packet = buildUdp(tuple, new TextEncoder().encode(payload));
    return this.net(cm === undefined ? packet : withCm(packet, cm));
  }

  netTcp(
    cm: Partial<ControlMessage> | undefined,
    fields: TcpFields,
    payload = '',
  ): { sent: Seen[]; delivered: Seen[] } {
    const tuple = { source: REMOTE, sourcePort: 40000, destination: LOCAL, destinationPort: 7000 };
    const packet = buildTcp(tuple, fields, new TextEncoder().encode(payload));
    return this.net(cm === undefined ? packet : withCm(packet, cm));
  }

  net(packet: Uint8Array): { sent: Seen[]; delivered: Seen[] } {
    this.endpoint.fromNetwork(packet, this.now);
    return { sent: this.sent(), delivered: this.endpoint.takeDeliveries().toArray().map(look) };
  }

  sent(): Seen[] {
    return this.endpoint.takeTransmits().toArray().map(look);
  }

  /** Lets time pass. */
  wait(micros: number): void {
    this.now += micros;
    this.endpoint.poll(this.now);
  }

  /** Lets the peer query, so that its address is enabled. */
  enable(cm: Partial<ControlMessage> = {}, from: { address?: Ipv4; port?: number } = {}): void {
    this.netUdp({ flags: Flags.enable, ...cm }, 'query', from);
  }
}
