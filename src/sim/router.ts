import { readU16be, readU32be, writeU16be } from '../codec/bytes.js';
import { updateChecksum } from '../codec/checksum.js';
import { buildIcmpError, IcmpType, UnreachableCode } from '../codec/icmp.js';
import { type Ipv4, parseIpv4 } from '../codec/index.js';
import type { NetworkNode, Port } from './node.js';

interface Route {
  readonly prefix: Ipv4;
  readonly length: number;
  readonly port: Port;
}

/**
 * A router: the longest prefix that fits says by which link a datagram goes on. Counts the TTL down; a datagram without
 * a route or a hop left vanishes. One that is too long for a link that reports is answered with ICMP from `address`.
 */
export class Router implements NetworkNode {
  /** Datagrams without a route or with a TTL used up. */
  dropped = 0;
  readonly #routes: Route[] = [];
  readonly #ports: Port[] = [];

  /** `address` is the source of its ICMP messages. */
  constructor(private readonly address: Ipv4 = parseIpv4('192.0.2.254')) {}

  /** Links connected, in order. */
  get ports(): readonly Port[] {
    return this.#ports;
  }

  connected(port: Port): void {
    this.#ports.push(port);
  }

  /**
   * Sends what is for `prefix` (`10.1.0.0/16`, `0.0.0.0/0`) by a link; a route for the same prefix gives way.
   * @throws RangeError when the prefix cannot be read.
   */
  add(prefix: string, port: Port): void {
    const [text, bits] = prefix.split('/');
    const length = Number(bits);
    if (bits === undefined || !(Number.isInteger(length) && length >= 0 && length <= 32))
      throw new RangeError(`The route '${prefix}' needs a prefix such as 10.1.0.0/16.`);
    const masked = mask(parseIpv4(text!), length);
    const before = this.#routes.findIndex((route) => route.prefix === masked && route.length === length);
    if (before >= 0) this.#routes.splice(before, 1);
    this.#routes.push({ prefix: masked, length, port });
    this.#routes.sort((a, b) => b.length - a.length);
  }

  arrive(packet: Uint8Array): void {
    if (packet.length < 20 || packet[8]! <= 1) {
      this.dropped++;
      return;
    }
    const before = readU16be(packet, 8);
    packet[8] = packet[8]! - 1;
    writeU16be(packet, 10, updateChecksum(readU16be(packet, 10), before, readU16be(packet, 8)));
    const port = this.#portTo(readU32be(packet, 16));
    if (port === undefined) {
      this.dropped++;
      return;
    }
    if (!port.send(packet)) this.#report(packet, port.out.options.mtu);
  }

  #portTo(address: Ipv4): Port | undefined {
    for (const route of this.#routes) if (mask(address, route.length) === route.prefix) return route.port;
    return undefined;
  }

  #report(packet: Uint8Array, mtu: number): void {
    const to = readU32be(packet, 12);
    const error = { from: this.address, to, type: IcmpType.unreachable, code: UnreachableCode.fragmentationNeeded };
    this.#portTo(to)?.send(buildIcmpError({ ...error, value: mtu }, packet));
  }
}

function mask(address: Ipv4, length: number): number {
  return length === 0 ? 0 : (address & (0xffffffff << (32 - length))) >>> 0;
}
