import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { readU16be, readU32be } from '../../codec/bytes.js';
import { formatIpv4, type Ipv4, UDP } from '../../codec/index.js';

/** Where empty datagrams go that show the way: the port of the discard service (RFC 863). */
export const PROBE_PORT = 9;
/** Milliseconds between two of them, and how many there are. */
const PROBE_INTERVAL = 200;
const MOST_PROBES = 5;
/** Milliseconds after which a way is looked at anew, as it goes on being used: an address may have moved to another device. */
const LONGEST_KNOWN = 10_000;
/** Packets that wait for a way. */
const MOST_WAITING = 256;

/** The way from one address to another: by an interface, behind a header of its link layer. */
export interface Way<Interface> {
  readonly interface: Interface;
  readonly header: Uint8Array;
}

/** A way that is known, and since when. */
interface Known<Interface> {
  readonly way: Way<Interface>;
  readonly since: number;
}

/** A way that is not known yet, or not any more. */
interface Search {
  readonly waiting: Uint8Array[];
  probes: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Finds out how packets leave this machine, without asking the system for its routes and neighbours, which each system tells
 * otherwise: sends an ordinary datagram the same way, by way of the system, and looks at the frame that carries it.
 */
export class LinkHeaders<Interface> {
  readonly #ways = new Map<string, Known<Interface>>();
  readonly #searches = new Map<string, Search>();
  readonly #sockets: ReadonlyMap<Ipv4, Socket>;

  private constructor(
    sockets: ReadonlyMap<Ipv4, Socket>,
    private readonly send: (way: Way<Interface>, packet: Uint8Array) => void,
    private readonly refuse: (packets: number) => void,
  ) {
    this.#sockets = sockets;
  }

  /**
   * @param send gets each packet whose way is known.
   * @param refuse gets the number of packets to which no way was found.
   * @throws the system's error for an address that is none of this machine.
   */
  static async open<Interface>(
    addresses: readonly Ipv4[],
    send: (way: Way<Interface>, packet: Uint8Array) => void,
    refuse: (packets: number) => void,
  ): Promise<LinkHeaders<Interface>> {
    const sockets = new Map<Ipv4, Socket>();
    try {
      for (const address of addresses) {
        const socket = createSocket('udp4');
        sockets.set(address, socket);
        socket.bind(0, formatIpv4(address));
        await once(socket, 'listening');
        // That nobody listens there, or no way leads there.
        socket.on('error', () => {});
      }
    } catch (error) {
      for (const socket of sockets.values()) socket.close();
      throw error;
    }
    return new LinkHeaders(sockets, send, refuse);
  }

  /** Sends a packet as packets from `source`, one of the addresses, are; at once when the way is known, else when it is. */
  pass(packet: Uint8Array, source: Ipv4): void {
    const destination = readU32be(packet, 16);
    const key = keyOf(source, destination);
    const known = this.#ways.get(key);
    let search = this.#searches.get(key);
    if (search === undefined && (known === undefined || performance.now() > known.since + LONGEST_KNOWN)) {
      search = { waiting: [], probes: 0, timer: undefined };
      this.#searches.set(key, search);
      this.#probe(key, search, source, destination);
    }
    if (known !== undefined) this.send(known.way, packet);
    else if (search!.waiting.length < MOST_WAITING) search!.waiting.push(packet);
    else this.refuse(1);
  }

  /**
   * Looks whether a frame carries one of the datagrams that were sent for this.
   * @param at where its IPv4 packet starts; what is before is its link layer's header.
   */
  learn(found: Interface, frame: Uint8Array, at: number): boolean {
    const transport = at + (frame[at]! & 15) * 4;
    if (frame.length < transport + 8 || frame[at + 9] !== UDP) return false;
    const source = readU32be(frame, at + 12);
    if (readU16be(frame, transport + 2) !== PROBE_PORT || !this.#sockets.has(source)) return false;
    const key = keyOf(source, readU32be(frame, at + 16));
    const search = this.#searches.get(key);
    if (search === undefined) return true;
    const way = { interface: found, header: frame.slice(0, at) };
    this.#ways.set(key, { way, since: performance.now() });
    this.#searches.delete(key);
    clearTimeout(search.timer);
    for (const packet of search.waiting) this.send(way, packet);
    return true;
  }

  close(): void {
    for (const { timer } of this.#searches.values()) clearTimeout(timer);
    for (const socket of this.#sockets.values()) socket.close();
  }

  #probe(key: string, search: Search, source: Ipv4, destination: Ipv4): void {
    if (search.probes++ === MOST_PROBES) {
      this.#searches.delete(key);
      this.#ways.delete(key);
      this.refuse(search.waiting.length);
      return;
    }
    this.#sockets.get(source)!.send(new Uint8Array(0), PROBE_PORT, formatIpv4(destination), () => {});
    search.timer = setTimeout(() => this.#probe(key, search, source, destination), PROBE_INTERVAL);
  }
}

function keyOf(source: Ipv4, destination: Ipv4): string {
  return `${source} ${destination}`;
}
