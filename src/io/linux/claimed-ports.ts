import { writeU16be, writeU32be } from '../../codec/bytes.js';
import { addressKey, type Ipv4, TCP, UDP } from '../../codec/index.js';
import type { PortProtocol, SilentPorts } from '../raw-network.js';
import { HostError, type Libc, libc } from './libc.js';
import type { FilterInstruction } from './packet-filter.js';
import { attachFilter } from './socket-filter.js';

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const ADDRESS_SIZE = 16;
const IPPROTO_IP = 0;
const IP_MINTTL = 21;
const HIGHEST_TTL = new Uint8Array(Int32Array.of(255).buffer);
/** Discards everything. */
const NOTHING: readonly FilterInstruction[] = [[0x06, 0, 0, 0]];

/**
 * Ports that the kernel is kept from answering at: for each one a socket of the kernel's own is bound, a TCP one
 * listening, with a filter that discards whatever arrives. So the kernel gives the port to nobody else, and sends neither
 * RST nor "port unreachable"; packet sockets see the packets all the same. Nothing on the host is changed: when the
 * process ends, however that happens, the kernel closes the sockets. No privilege is needed above port 1023, but Linux 6.18
 * lets only a privileged process attach a filter to a TCP socket: `prepare` makes such sockets beforehand, and what is
 * claimed beyond them discards by IP_MINTTL what arrives with a TTL below 255.
 */
export class ClaimedPorts implements SilentPorts {
  readonly #sockets = new Map<number, number>();
  /** TCP sockets with their filter, not bound yet. */
  readonly #prepared: number[] = [];
  readonly #libc: Libc;

  /** @throws HostError where the C library cannot be called. */
  constructor() {
    this.#libc = libc();
  }

  /** Makes sockets for TCP ports that are claimed after the process has given up its privileges; fewer when it may not have so many. */
  prepare(count: number): void {
    for (let i = 0; i < count; i++) {
      const fd = this.#open(TCP);
      if (fd < 0) return;
      this.#prepared.push(fd);
    }
  }

  /** True for a port that is claimed. */
  has(protocol: PortProtocol, address: Ipv4, port: number): boolean {
    return this.#sockets.has(keyOf(protocol, address, port));
  }

  /**
   * Claims a port.
   * @returns undefined, or the system's name of the error: `EADDRINUSE` when somebody has it, `EADDRNOTAVAIL` when the
   * address is none of this machine, `EACCES`, `EMFILE`.
   */
  claim(protocol: PortProtocol, address: Ipv4, port: number): string | undefined {
    const key = keyOf(protocol, address, port);
    if (this.#sockets.has(key)) return 'EADDRINUSE';
    const c = this.#libc;
    const fd = (protocol === TCP ? this.#prepared.pop() : undefined) ?? this.#open(protocol);
    if (fd < 0) return c.errorName();
    const name = socketAddress(address, port);
    if (c.bind(fd, name, ADDRESS_SIZE) < 0 || (protocol === TCP && c.listen(fd, 1) < 0)) {
      const error = c.errorName();
      c.close(fd);
      return error;
    }
    this.#sockets.set(key, fd);
    return undefined;
  }

  /** Gives a port back; the kernel answers there again. */
  release(protocol: PortProtocol, address: Ipv4, port: number): void {
    const key = keyOf(protocol, address, port);
    const fd = this.#sockets.get(key);
    if (fd === undefined) return;
    this.#sockets.delete(key);
    this.#libc.close(fd);
  }

  /** Gives every port back. */
  close(): void {
    for (const fd of [...this.#sockets.values(), ...this.#prepared.splice(0)]) this.#libc.close(fd);
    this.#sockets.clear();
  }

  /** A socket that discards what arrives; negative for an error. */
  #open(protocol: PortProtocol): number {
    const c = this.#libc;
    const fd = c.socket(AF_INET, protocol === TCP ? SOCK_STREAM_CLOEXEC : SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) return fd;
    c.setsockopt(fd, IPPROTO_IP, IP_MINTTL, HIGHEST_TTL, HIGHEST_TTL.length);
    try {
      attachFilter(c, fd, NOTHING, 'Discarding what arrives at a port');
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
    }
    return fd;
  }
}

/** A struct sockaddr_in. */
export function socketAddress(address: Ipv4, port: number): Uint8Array {
  const name = new Uint8Array(ADDRESS_SIZE);
  new DataView(name.buffer).setUint16(0, AF_INET, true);
  writeU16be(name, 2, port);
  writeU32be(name, 4, address);
  return name;
}

function keyOf(protocol: PortProtocol, address: Ipv4, port: number): number {
  return addressKey(address, port) * 2 + (protocol === UDP ? 1 : 0);
}
