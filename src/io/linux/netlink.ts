import type { Ipv4 } from '../../codec/index.js';
import type { Network } from './packet-filter.js';

/**
 * Messages of the kernel's routing netlink (RFC 3549; linux/netlink.h, linux/rtnetlink.h) as values. Numbers are in the
 * octet order of the machine, which `libc()` makes sure is little endian; addresses are in network order.
 */

/** A network interface. */
export interface LinkMessage {
  readonly kind: 'link';
  readonly isGone: boolean;
  /** The kernel's number of the interface; a new interface of the same name has another. */
  readonly index: number;
  readonly name: string;
  /** The administrator switched it on. */
  readonly isUp: boolean;
  /** It can carry packets: a cable is in, the far end is there. */
  readonly hasCarrier: boolean;
  readonly isLoopback: boolean;
  /** Octets. */
  readonly mtu: number;
}

/** An IPv4 address of an interface. */
export interface AddressMessage {
  readonly kind: 'address';
  readonly isGone: boolean;
  /** Number of the interface. */
  readonly index: number;
  readonly address: Ipv4;
  /** Length of the network's prefix, 0 to 32. */
  readonly prefix: number;
  /** True for an address that is valid beyond its link and host. */
  readonly isGlobal: boolean;
}

/** One way out of a route. */
export interface NextHop {
  /** Number of the interface; 0 for none. */
  readonly index: number;
  readonly gateway: Ipv4 | undefined;
}

/** An IPv4 route. */
export interface RouteMessage {
  readonly kind: 'route';
  readonly isGone: boolean;
  readonly table: number;
  readonly network: Network;
  /** False for a route that leads nowhere (unreachable, blackhole, …). */
  readonly isUnicast: boolean;
  /** Several for a route over several interfaces. */
  readonly hops: readonly NextHop[];
  readonly source: Ipv4 | undefined;
  readonly metric: number;
}

/** A message of the routing netlink, as far as it matters here. */
export type NetlinkMessage =
  | LinkMessage
  | AddressMessage
  | RouteMessage
  /** The end of a dump. */
  | { readonly kind: 'done' }
  /** An answer to a request: the number of an error, 0 for none. */
  | { readonly kind: 'error'; readonly errno: number }
  | { readonly kind: 'other'; readonly type: number };

/** What one read of the socket gave. */
export interface NetlinkBatch {
  readonly messages: readonly NetlinkMessage[];
  /** Something changed during the dump: it has to be asked for again. */
  readonly isInterrupted: boolean;
  /** A length contradicts the octets; what comes behind it was not read. */
  readonly isDamaged: boolean;
}

/** The table of routes that everything uses which names none. */
export const MAIN_TABLE = 254;

/** Types of requests. */
export const Get = { link: 18, address: 22, route: 26 } as const;

const HEADER = 16;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NEW_LINK = 16;
const NEW_ADDRESS = 20;
const NEW_ROUTE = 24;
const DUMP_INTERRUPTED = 0x10;
const REQUEST = 1;
const DUMP = 0x300;
const AF_UNSPEC = 0;
const AF_INET = 2;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const IFF_RUNNING = 0x40;
const SCOPE_UNIVERSE = 0;
const SCOPE_SITE = 200;
const UNICAST = 1;
/** Answer with the route itself. Without it a packet bound to an interface has a way always: the host is taken for a neighbour. */
const FIB_MATCH = 0x2000;

/** Reads every message of a buffer. Never throws: what contradicts itself is left out. */
export function parseNetlink(bytes: Uint8Array): NetlinkBatch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: NetlinkMessage[] = [];
  let isInterrupted = false;
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) return { messages, isInterrupted, isDamaged: true };
    const type = view.getUint16(at + 4, true);
    if ((view.getUint16(at + 6, true) & DUMP_INTERRUPTED) !== 0) isInterrupted = true;
    messages.push(parseMessage(type, new DataView(view.buffer, view.byteOffset + at + HEADER, length - HEADER)));
    at += aligned(length);
  }
  return { messages, isInterrupted, isDamaged: at < bytes.length };
}

function parseMessage(type: number, body: DataView): NetlinkMessage {
  const other = { kind: 'other', type } as const;
  if (type === NLMSG_DONE) return { kind: 'done' };
  if (type === NLMSG_ERROR) return body.byteLength < 4 ? other : { kind: 'error', errno: 0 - body.getInt32(0, true) };
  if (type === NEW_LINK || type === NEW_LINK + 1) return link(body, type !== NEW_LINK) ?? other;
  if (type === NEW_ADDRESS || type === NEW_ADDRESS + 1) return address(body, type !== NEW_ADDRESS) ?? other;
  if (type === NEW_ROUTE || type === NEW_ROUTE + 1) return route(body, type !== NEW_ROUTE) ?? other;
  return other;
}

/** struct ifinfomsg. A message of another family tells of a bridge's port, not of the interface. */
function link(body: DataView, isGone: boolean): LinkMessage | undefined {
  if (body.byteLength < 16 || body.getUint8(0) !== AF_UNSPEC) return undefined;
  const flags = body.getUint32(8, true);
  const attributes = attributesOf(body, 16);
  const name = attributes.get(3);
  const mtu = attributes.get(4);
  if (name === undefined) return undefined;
  return {
    kind: 'link',
    isGone,
    index: body.getInt32(4, true),
    name: textOf(name),
    isUp: (flags & IFF_UP) !== 0,
    hasCarrier: (flags & IFF_RUNNING) !== 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    mtu: mtu === undefined || mtu.byteLength < 4 ? 0 : mtu.getUint32(0, true),
  };
}

/** struct ifaddrmsg. */
function address(body: DataView, isGone: boolean): AddressMessage | undefined {
  if (body.byteLength < 8 || body.getUint8(0) !== AF_INET) return undefined;
  const attributes = attributesOf(body, 8);
  // The second is that of the far end on a link between two.
  const own = ipv4Of(attributes.get(2)) ?? ipv4Of(attributes.get(1));
  const prefix = body.getUint8(1);
  if (own === undefined || prefix > 32) return undefined;
  const scope = body.getUint8(3);
  return {
    kind: 'address',
    isGone,
    index: body.getUint32(4, true),
    address: own,
    prefix,
    isGlobal: scope === SCOPE_UNIVERSE || scope === SCOPE_SITE,
  };
}

/** struct rtmsg. */
function route(body: DataView, isGone: boolean): RouteMessage | undefined {
  if (body.byteLength < 12 || body.getUint8(0) !== AF_INET) return undefined;
  const prefix = body.getUint8(1);
  if (prefix > 32) return undefined;
  const attributes = attributesOf(body, 12);
  const number = (type: number) => {
    const value = attributes.get(type);
    return value === undefined || value.byteLength < 4 ? undefined : value.getUint32(0, true);
  };
  const several = attributes.get(9);
  const one: NextHop = { index: number(4) ?? 0, gateway: ipv4Of(attributes.get(5)) };
  return {
    kind: 'route',
    isGone,
    table: number(15) ?? body.getUint8(4),
    network: { address: ipv4Of(attributes.get(1)) ?? 0, prefix },
    isUnicast: body.getUint8(7) === UNICAST,
    hops: several === undefined ? [one] : hopsOf(several),
    source: ipv4Of(attributes.get(7)),
    metric: number(6) ?? 0,
  };
}

/** struct rtnexthop, one after the other. */
function hopsOf(body: DataView): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; at + 8 <= body.byteLength; ) {
    const length = body.getUint16(at, true);
    if (length < 8 || at + length > body.byteLength) break;
    const inner = new DataView(body.buffer, body.byteOffset + at, length);
    hops.push({ index: inner.getInt32(4, true), gateway: ipv4Of(attributesOf(inner, 8).get(5)) });
    at += aligned(length);
  }
  return hops;
}

/** The attributes behind a message's fixed part, by type; the last of each type counts. */
function attributesOf(body: DataView, from: number): Map<number, DataView> {
  const attributes = new Map<number, DataView>();
  for (let at = from; at + 4 <= body.byteLength; ) {
    const length = body.getUint16(at, true);
    if (length < 4 || at + length > body.byteLength) break;
    // The two highest bits say how to read it, not what it is.
    const type = body.getUint16(at + 2, true) & 0x3fff;
    attributes.set(type, new DataView(body.buffer, body.byteOffset + at + 4, length - 4));
    at += aligned(length);
  }
  return attributes;
}

function textOf(value: DataView): string {
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function ipv4Of(value: DataView | undefined): Ipv4 | undefined {
  return value === undefined || value.byteLength !== 4 ? undefined : value.getUint32(0, false);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** A request for everything of one kind. */
export function dumpRequest(type: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + 16);
  header(bytes, type, REQUEST | DUMP);
  // The shortest of the fixed parts would do; a longer one is taken as well.
  bytes[HEADER] = type === Get.link ? AF_UNSPEC : AF_INET;
  return bytes;
}

/** Which way a packet would take. */
export interface WayQuestion {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  /** Number of the interface by which it has to leave. */
  readonly index: number;
  /** Its firewall mark. */
  readonly mark: number;
}

/** A request for the route of one packet; the answer is a route, or an error when there is none. */
export function wayRequest({ source, destination, index, mark }: WayQuestion): Uint8Array {
  const bytes = new Uint8Array(HEADER + 12 + 4 * 8);
  const view = new DataView(bytes.buffer);
  header(bytes, Get.route, REQUEST);
  bytes.set([AF_INET, 32, 32], HEADER);
  view.setUint32(HEADER + 8, FIB_MATCH, true);
  const attributes: [type: number, value: number, isAddress: boolean][] = [
    [1, destination, true],
    [2, source, true],
    [4, index, false],
    [16, mark, false],
  ];
  for (const [i, [type, value, isAddress]] of attributes.entries()) {
    const at = HEADER + 12 + i * 8;
    view.setUint16(at, 8, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, value, !isAddress);
  }
  return bytes;
}

function header(bytes: Uint8Array, type: number, flags: number): void {
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, 1, true);
}
