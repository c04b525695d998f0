import {
  buildTcp,
  buildUdp,
  DatagramView,
  Flags,
  formatIpv4,
  type Ipv4,
  parseIpv4,
  TcpFlags,
  type Tuple,
} from '../../src/codec/index.js';
import type { EndpointOptions } from '../../src/endpoint/index.js';
import { Nat, type NatOptions } from '../../src/sim/nat.js';
import { type ClockOptions, type Link, type LinkOptions, type Nic, VirtualNetwork } from '../../src/sim/network.js';
import { Router } from '../../src/sim/router.js';
import { Node } from './endpoint-pair.js';
import type { Seen } from './peer-driver.js';

export const A1 = parseIpv4('10.1.0.1');
export const A2 = parseIpv4('10.2.0.1');
export const B1 = parseIpv4('203.1.0.1');
export const B2 = parseIpv4('203.2.0.1');
const PUBLIC = [parseIpv4('198.51.1.1'), parseIpv4('198.51.2.1')] as const;
const ROUTES = ['198.51.1.0/24', '198.51.2.0/24'] as const;

const NOTHING = new Uint8Array(0);

/** How a `WidePair` is made. */
export interface WidePairOptions {
  readonly a?: Partial<EndpointOptions>;
  readonly b?: Partial<EndpointOptions>;
  readonly seed?: number;
  /** A NAT on each of A's two links; without it A's addresses are routed. */
  readonly nat?: Omit<NatOptions, 'address'>;
  /** What differs in the NAT of A's second link. */
  readonly secondNat?: Partial<NatOptions>;
  /** The four access links; by name what differs. Default delay 2 ms. */
  readonly access?: LinkOptions;
  readonly links?: Partial<Record<AccessName, LinkOptions>>;
  readonly clocks?: { readonly a?: ClockOptions; readonly b?: ClockOptions };
  readonly startMicros?: number;
}

export type AccessName = 'a1' | 'a2' | 'b1' | 'b2';

/**
 * Two nodes of two interfaces each; every interface has a link of its own to one router, A's through a NAT when asked.
 * One connection from A1:40000 to B1:7000.
 */
export class WidePair {
  readonly network: VirtualNetwork;
  readonly a: Node;
  readonly b: Node;
  readonly router = new Router();
  /** Access links; `forward` leads away from the host (from the NAT, when there is one). */
  readonly links = {} as Record<AccessName, Link>;
  readonly nics = {} as Record<AccessName, Nic>;
  readonly nats: Nat[] = [];
  readonly toB: Tuple = { source: A1, sourcePort: 40000, destination: B1, destinationPort: 7000 };

  constructor(options: WidePairOptions = {}) {
    const { clocks } = options;
    this.network = new VirtualNetwork({ seed: options.seed ?? 1, startMicros: options.startMicros ?? 1_000_000 });
    this.a = new Node(() => this.network, { addresses: [A1, A2], mac: 0x020000000a01, seed: 11, ...options.a });
    this.b = new Node(() => this.network, { addresses: [B1, B2], mac: 0x020000000b01, seed: 12, ...options.b });
    this.network.attach(this.a, clocks?.a);
    this.network.attach(this.b, clocks?.b);
    const names: readonly [AccessName, Ipv4][] = [
      ['a1', A1],
      ['a2', A2],
      ['b1', B1],
      ['b2', B2],
    ];
    for (const [index, [name, address]] of names.entries()) {
      const nic = this.network.plug(address);
      this.nics[name] = nic;
      const access: LinkOptions = { delayMicros: 2000, ...options.access, ...options.links?.[name] };
      if (options.nat === undefined || index > 1) {
        this.links[name] = this.network.link(nic, this.router, access);
        this.router.add(`${formatIpv4(address)}/32`, this.links[name].second);
        continue;
      }
      const nat = new Nat(this.network, {
        address: PUBLIC[index]!,
        ...options.nat,
        ...(index === 1 ? options.secondNat : {}),
      });
      this.nats.push(nat);
      this.network.link(nic, nat.inside, { delayMicros: 50 });
      this.links[name] = this.network.link(nat.outside, this.router, access);
      this.router.add(ROUTES[index]!, this.links[name].second);
    }
  }

  /** The connection as B's host has to answer it: what A's host looks like from there. */
  get toA(): Tuple {
    const seen = this.b.delivered[0]?.tuple;
    return {
      source: B1,
      sourcePort: 7000,
      destination: seen?.source ?? A1,
      destinationPort: seen?.sourcePort ?? 40000,
    };
  }

  run(millis: number): void {
    this.network.runUntil(this.network.now + millis * 1000);
  }

  /** A datagram from A's or B's host. */
  udp(from: 'a' | 'b', payload: string, size = payload.length): void {
    const octets = new Uint8Array(size);
    octets.set(new TextEncoder().encode(payload));
    this[from].host(buildUdp(from === 'a' ? this.toB : this.toA, octets));
  }

  /** Datagrams both ways, one each `pauseMillis`, named `label` and their number. */
  talk(label: string, count: number, pauseMillis = 10): void {
    for (let i = 0; i < count; i++) {
      this.udp('a', `${label}-a${i}`);
      if (this.b.delivered.length > 0) this.udp('b', `${label}-b${i}`);
      this.run(pauseMillis);
    }
  }

  /** Opens a TCP connection from A, with a segment each way. */
  connect(): void {
    const { syn, ack } = TcpFlags;
    this.a.host(buildTcp(this.toB, { sequence: 100, flags: syn }, NOTHING));
    this.run(20);
    this.b.host(buildTcp(this.toA, { sequence: 900, acknowledgement: 101, flags: syn | ack }, NOTHING));
    this.run(20);
    this.a.host(buildTcp(this.toB, { sequence: 101, acknowledgement: 901, flags: ack }, NOTHING));
    this.run(20);
    this.b.host(buildTcp(this.toA, { sequence: 901, acknowledgement: 101, flags: ack }, NOTHING));
    this.run(20);
  }

  /** Segments of `size` octets from A, each acknowledged by B; returns the next sequence number. */
  stream(count: number, from: number, pauseMillis = 10, size = 1): number {
    const { ack } = TcpFlags;
    for (let i = 0; i < count; i++) {
      const sequence = from + i * size;
      const payload = new Uint8Array(size).fill(i & 255);
      this.a.host(buildTcp(this.toB, { sequence, acknowledgement: 901, flags: ack }, payload));
      this.b.host(buildTcp(this.toA, { sequence: 901, acknowledgement: sequence, flags: ack }, NOTHING));
      this.run(pauseMillis);
    }
    return from + count * size;
  }
}

/** Data packets with a CM. */
export function dataOf(packets: readonly Seen[]): Seen[] {
  return packets.filter(({ cm }) => cm !== undefined && cm.flags <= Flags.ipChange);
}

/** The part of the data packets that left by each source address. */
export function shareFrom(packets: readonly Seen[], source: Ipv4): number {
  const data = dataOf(packets);
  return data.filter(({ tuple }) => tuple.source === source).length / data.length;
}

/** The different tuples of packets, in dotted form. */
export function tuplesOf(packets: readonly Seen[]): string[] {
  const text = ({ tuple }: Seen) =>
    `${formatIpv4(tuple.source)}:${tuple.sourcePort}-${formatIpv4(tuple.destination)}:${tuple.destinationPort}`;
  return [...new Set(packets.map(text))].sort();
}

/** TCP sequence numbers of packets with user data. */
export function sequencesOf(packets: readonly Seen[]): number[] {
  const view = new DatagramView();
  return packets.flatMap(({ bytes }) => {
    view.parse(bytes);
    return view.payloadLength > 0 ? [view.sequence] : [];
  });
}
