import assert from 'node:assert/strict';
import { readU32be } from '../../src/codec/bytes.js';
import { buildTcp, buildUdp, type Ipv4, parseIpv4, TCP, TcpFlags } from '../../src/codec/index.js';
import type { EndpointOptions } from '../../src/endpoint/index.js';
import { type LinkOptions, type VirtualHost, VirtualNetwork } from '../../src/sim/network.js';
import { A1, A2, B1, B2, Node } from './endpoint-pair.js';
import { NodeModel } from './node-model.js';
import { look, type Seen } from './peer-driver.js';

/** An address without MPIP. */
export const PLAIN = parseIpv4('10.3.0.9');

const MOST_REPLAYED = 200;
/** Connections from this port on are of TCP. */
const FIRST_TCP = 7003;

/** A node whose every packet its model judges. */
export class ModelledNode extends Node {
  readonly model: NodeModel;
  /** What left the node lately, to be replayed. */
  readonly history: Uint8Array[] = [];
  /** Set while the host sends: the packets that leave belong to that call. */
  #ofHost: Seen[] | undefined;

  constructor(network: () => VirtualNetwork, options: EndpointOptions & { mac: number }, peerMac: number) {
    super(network, options);
    this.model = new NodeModel(options.mac % 0x10000, peerMac % 0x10000, () => this.endpoint.addresses);
  }

  override receive(packet: Uint8Array, now: number): void {
    this.model.clock(now);
    const seen = look(packet.slice());
    const isForHost = this.model.receives(seen);
    const before = this.delivered.length;
    const strayed = this.#strayed;
    const isSegment = packet[9] === TCP || Math.min(seen.tuple.sourcePort, seen.tuple.destinationPort) >= FIRST_TCP;
    super.receive(packet, now);
    // A segment may be held, or may let held ones go; a UDP datagram comes and goes, unless nothing tells its connection.
    if (!isSegment)
      assert.equal(
        this.delivered.length - before,
        isForHost && this.#strayed === strayed ? 1 : 0,
        'delivered once, or dropped',
      );
  }

  /** Packets whose connection the node could not tell (docs/decisions.md 30, 66, 67). */
  get #strayed(): number {
    const { nameless, protocolMismatch } = this.endpoint.counters;
    return nameless + protocolMismatch;
  }

  override poll(now: number): number {
    this.model.clock(now);
    return super.poll(now);
  }

  override drain(send: (packet: Uint8Array) => void): void {
    super.drain((packet) => {
      const seen = look(packet.slice());
      if (this.#ofHost === undefined) this.model.sends(seen);
      else this.#ofHost.push(seen);
      this.history.push(packet.slice());
      if (this.history.length > MOST_REPLAYED) this.history.shift();
      send(packet);
    });
  }

  /** The host sends; the model judges what leaves. */
  say(packet: Uint8Array, connection: string): void {
    this.model.clock(this.network().timeOf(this));
    this.#ofHost = [];
    this.host(packet);
    const sent = this.#ofHost;
    this.#ofHost = undefined;
    // After a change of addresses segments may wait for a fake handshake (docs/decisions.md 14).
    if (this.endpoint.opening.size > 0) for (const one of sent) this.model.sends(one);
    else this.model.hostSends(look(packet), sent, connection);
  }

  override setAddresses(addresses: readonly Ipv4[]): void {
    const isSame = String(addresses) === String(this.endpoint.addresses);
    if (!isSame) this.model.clock(this.network().timeOf(this));
    super.setAddresses(addresses);
    // Fake handshakes leave at once.
    this.network().wake(this);
  }
}

const MAC = { a: 0x020000000a01, b: 0x020000000b01 } as const;
const ALL = { a: [A1, A2], b: [B1, B2] } as const;

/** Two modelled nodes and a host without MPIP; three UDP and two TCP connections between the nodes. */
export class ModelledPair {
  readonly network: VirtualNetwork;
  readonly a: ModelledNode;
  readonly b: ModelledNode;
  /** What the host without MPIP got. */
  readonly plain: Seen[] = [];
  /** Every packet of a host, as hexadecimal, with how often the other host got it. */
  readonly said = new Map<string, number>();
  /** What differs from the network's link, for everything. */
  link: LinkOptions | 'down' | undefined;
  /** Ways that are down, as source and destination. */
  readonly down = new Set<string>();
  /** Connections that a host used. */
  readonly used = new Set<number>();
  /** True once the network may have made copies. */
  hasDuplicated = false;
  readonly #next = new Map<string, number>();
  #identification = 0;

  constructor(seed: number, options: Partial<EndpointOptions>) {
    this.network = new VirtualNetwork({ seed, delayMicros: 1000, startMicros: 1_000_000_000 });
    const network = () => this.network;
    this.a = new ModelledNode(network, { addresses: ALL.a, mac: MAC.a, seed, ...options }, MAC.b);
    this.b = new ModelledNode(network, { addresses: ALL.b, mac: MAC.b, seed: seed + 1, ...options }, MAC.a);
    const isGone = (address: Ipv4) =>
      address !== PLAIN && ![...this.a.endpoint.addresses, ...this.b.endpoint.addresses].includes(address);
    this.network.route = (source, destination) =>
      this.down.has(`${source}-${destination}`) || isGone(source) || isGone(destination) ? 'down' : this.link;
    this.network.attach(this.a);
    this.network.attach(this.b);
    const plain: VirtualHost = {
      addresses: [PLAIN],
      receive: (packet) => void this.plain.push(look(packet)),
      poll: () => Number.POSITIVE_INFINITY,
      drain: () => {},
    };
    this.network.attach(plain);
  }

  run(millis: number): void {
    this.network.runUntil(this.network.now + millis * 1000);
  }

  /** One packet of a host on connection 0 to 4 (TCP from 3), or to the host without MPIP. */
  say(from: 'a' | 'b', connection: number, size: number, toPlain = false): void {
    const [source, destination] = from === 'a' ? [A1, B1] : [B1, A1];
    const [sourcePort, destinationPort] = [40000 + connection, 7000 + connection];
    const tuple = {
      source,
      sourcePort: from === 'a' ? sourcePort : destinationPort,
      destination: toPlain ? PLAIN : destination,
      destinationPort: from === 'a' || toPlain ? destinationPort : sourcePort,
    };
    const name = `${connection}${toPlain ? ' plain' : ''}`;
    const payload = new TextEncoder().encode(`${from} `.padEnd(size, '.'));
    this.#identification = (this.#identification + 1) & 0xffff;
    const ip = { identification: this.#identification };
    const at = this.#next.get(from + name) ?? 0xffff_ff00;
    const isFirst = !this.#next.has(from + name);
    this.#next.set(from + name, (at + payload.length) >>> 0);
    const isTcp = connection >= 3;
    const flags = isFirst && from === 'a' ? TcpFlags.syn : TcpFlags.ack;
    const octets = flags === TcpFlags.syn && isTcp ? new Uint8Array(0) : payload;
    const packet = isTcp ? buildTcp(tuple, { sequence: at, flags }, octets, ip) : buildUdp(tuple, payload, ip);
    this.said.set(hex(packet), 0);
    this[from].say(packet, name);
  }

  /** A packet that left the other node some time ago arrives once more. */
  replay(to: 'a' | 'b', back: number): void {
    const { history } = this[to === 'a' ? 'b' : 'a'];
    const packet = history[history.length - 1 - (back % Math.max(1, history.length))];
    if (packet === undefined || !this[to].endpoint.addresses.includes(readU32be(packet, 16))) return;
    this.hasDuplicated = true;
    this[to].receive(packet.slice(), this.network.timeOf(this[to]));
    this.network.wake(this[to]);
  }

  setAddresses(node: 'a' | 'b', which: number): void {
    const all: readonly Ipv4[] = ALL[node];
    this[node].setAddresses(which === 3 ? all : which === 2 ? [...all].reverse() : [all[which]!]);
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
