import { readU32be, writeU32be } from '../../codec/bytes.js';
import type { Ipv4 } from '../../codec/index.js';
import { type Libc, libc } from './libc.js';

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_ROUTE = 0;
const GET_ROUTE = 26;
const NEW_ROUTE = 24;
const GET_NEIGHBOUR = 30;
const NEW_NEIGHBOUR = 28;
const REQUEST = 1;
const HEADER = 16;
const ROUTE_BODY = 12;
const NEIGHBOUR_BODY = 12;
const AF_INET = 2;
const UNICAST = 1;
const RouteAttribute = { destination: 1, source: 2, device: 4, gateway: 5, mark: 16 } as const;
const NEIGHBOUR_LINK_ADDRESS = 2;
/** Reachable, stale, delay, probe, permanent: states in which the kernel itself sends. */
const USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
/** An answer is used for this long, in milliseconds. */
const TRUSTED_FOR = 1000;
const MOST_REMEMBERED = 4096;

/** A way out of the host that was asked for. */
interface Known {
  readonly mac: Uint8Array | undefined;
  readonly until: number;
}

/**
 * Ethernet addresses of next hops by one interface, as the kernel's tables of routes and neighbours have them. The
 * kernel is asked anew every second, and does all resolving itself: for a packet that it sends without this.
 */
export class NextHops {
  readonly #known = new Map<number, Known>();
  readonly #answer = new Uint8Array(8192);

  private constructor(
    private readonly libc: Libc,
    private readonly fd: number,
    private readonly device: number,
    private readonly mark: number,
  ) {}

  /** Undefined where the kernel cannot be asked. @param device the interface's number. @param mark that of the packets. */
  static open(device: number, mark: number): NextHops | undefined {
    const c = libc();
    const fd = c.socket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
    return fd < 0 ? undefined : new NextHops(c, fd, device, mark);
  }

  /**
   * The Ethernet address to which packets from `source` to `destination` are sent; undefined while the kernel has none,
   * and once a second, so that a packet goes the kernel's own way and keeps its neighbour table alive.
   * @param now milliseconds.
   */
  find(source: Ipv4, destination: Ipv4, now: number): Uint8Array | undefined {
    const key = source * 0x1_0000_0000 + destination;
    const known = this.#known.get(key);
    if (known !== undefined && now < known.until) return known.mac;
    if (known === undefined && this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    this.#known.set(key, { mac: this.#ask(source, destination), until: now + TRUSTED_FOR });
    return undefined;
  }

  close(): void {
    this.libc.close(this.fd);
  }

  #ask(source: Ipv4, destination: Ipv4): Uint8Array | undefined {
    const question = new Uint8Array(HEADER + ROUTE_BODY + 4 * 8);
    question.set([AF_INET, 32, 32], HEADER);
    const view = header(question, GET_ROUTE);
    attribute(view, HEADER + ROUTE_BODY, RouteAttribute.destination);
    writeU32be(question, HEADER + ROUTE_BODY + 4, destination);
    attribute(view, HEADER + ROUTE_BODY + 8, RouteAttribute.source);
    writeU32be(question, HEADER + ROUTE_BODY + 12, source);
    attribute(view, HEADER + ROUTE_BODY + 16, RouteAttribute.device);
    view.setUint32(HEADER + ROUTE_BODY + 20, this.device, true);
    attribute(view, HEADER + ROUTE_BODY + 24, RouteAttribute.mark);
    view.setUint32(HEADER + ROUTE_BODY + 28, this.mark, true);
    const route = this.#exchange(question, NEW_ROUTE);
    if (route === undefined || route.getUint8(HEADER + 7) !== UNICAST) return undefined;
    const device = attributeOf(route, HEADER + ROUTE_BODY, RouteAttribute.device);
    if (device === 0 || route.getUint32(device, true) !== this.device) return undefined;
    const gateway = attributeOf(route, HEADER + ROUTE_BODY, RouteAttribute.gateway);
    return this.#neighbour(gateway === 0 ? destination : readU32be(this.#answer, gateway));
  }

  #neighbour(address: Ipv4): Uint8Array | undefined {
    const question = new Uint8Array(HEADER + NEIGHBOUR_BODY + 8);
    question[HEADER] = AF_INET;
    const view = header(question, GET_NEIGHBOUR);
    view.setInt32(HEADER + 4, this.device, true);
    attribute(view, HEADER + NEIGHBOUR_BODY, 1);
    writeU32be(question, HEADER + NEIGHBOUR_BODY + 4, address);
    const entry = this.#exchange(question, NEW_NEIGHBOUR);
    if (entry === undefined || (entry.getUint16(HEADER + 8, true) & USABLE) === 0) return undefined;
    const at = attributeOf(entry, HEADER + NEIGHBOUR_BODY, NEIGHBOUR_LINK_ADDRESS);
    if (at === 0 || entry.getUint16(at - 4, true) !== 4 + 6) return undefined;
    return this.#answer.slice(at, at + 6);
  }

  /** Asks the kernel, which answers before the call returns; undefined for an error. */
  #exchange(question: Uint8Array, wanted: number): DataView | undefined {
    if (this.libc.write(this.fd, question, question.length) !== question.length) return undefined;
    const length = this.libc.read(this.fd, this.#answer, this.#answer.length);
    if (length < HEADER + ROUTE_BODY) return undefined;
    const view = new DataView(this.#answer.buffer, 0, length);
    return view.getUint16(4, true) === wanted ? view : undefined;
  }
}

function header(question: Uint8Array, type: number): DataView {
  const view = new DataView(question.buffer);
  view.setUint32(0, question.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, REQUEST, true);
  return view;
}

/** The head of an attribute of four octets. */
function attribute(view: DataView, at: number, type: number): void {
  view.setUint16(at, 8, true);
  view.setUint16(at + 2, type, true);
}

/** Where the value of an attribute begins; 0 when there is none. */
function attributeOf(view: DataView, from: number, wanted: number): number {
  for (let at = from; at + 4 <= view.byteLength; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > view.byteLength) break;
    if ((view.getUint16(at + 2, true) & 0x3fff) === wanted && length >= 8) return at + 4;
    at += (length + 3) & ~3;
  }
  return 0;
}
