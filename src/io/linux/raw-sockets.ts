import { networkInterfaces } from 'node:os';
import { readU16be } from '../../codec/bytes.js';
import { fragment, mayFragment } from '../../codec/fragment.js';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../codec/index.js';
import { ClaimedPorts, socketAddress } from './claimed-ports.js';
import { type FrameTaker, InterfaceInput } from './interface-input.js';
import { HostError, type Libc, libc } from './libc.js';

const AF_INET = 2;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const IPPROTO_RAW = 255;
const ADDRESS_SIZE = 16;
const LOOPBACK = 127;
/** What a datagram is cut to when the way out carries no longer one. */
const SAFE_MTU = 1280;

/** Gets a packet that arrived `age` microseconds ago. */
export type OnRawPacket = (packet: Uint8Array, age: number) => void;

/**
 * Whole IPv4 packets of TCP and UDP from and to addresses of this machine, beside its kernel: packet sockets read what
 * arrives on the interfaces that have the addresses, raw sockets send. CAP_NET_RAW is needed to open them and not afterwards. The
 * kernel answers at ports that are not claimed (`ports`).
 */
export class RawSockets {
  /** Ports at which the kernel is kept silent. */
  readonly ports = new ClaimedPorts();
  /** Packets that the kernel refused to send. */
  refused = 0;
  readonly #libc: Libc;
  readonly #inputs: InterfaceInput[] = [];
  readonly #stops: (() => void)[] = [];
  /** By source address. */
  readonly #outputs = new Map<Ipv4, number>();

  private constructor(c: Libc) {
    this.#libc = c;
  }

  /**
   * @param onPacket gets each packet of TCP, UDP and each ICMP error that arrives for one of the addresses, as it was on
   * the wire, and how many microseconds ago that was; the array is valid only during the call. What it throws ends the
   * process.
   * @throws HostError
   */
  static open(addresses: readonly Ipv4[], onPacket: OnRawPacket): RawSockets {
    const sockets = new RawSockets(libc());
    try {
      for (const name of interfacesOf(addresses)) sockets.#listen(name, addresses, onPacket);
      for (const address of addresses) sockets.#openOutput(address);
    } catch (error) {
      sockets.close();
      throw error;
    }
    return sockets;
  }

  /**
   * Sends a whole packet by the way that packets from `source` go (default: its own source address); the kernel sets the
   * IP header's checksum and total length, and an IP id of 0. A datagram that is too long for the way is fragmented
   * unless it says DF.
   */
  send(packet: Uint8Array, source?: Ipv4): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    const from = this.#outputs.get(source ?? view.getUint32(12)) ?? this.#outputs.values().next().value!;
    const to = socketAddress(view.getUint32(16), 0);
    if (this.#libc.sendto(from, packet, packet.length, 0, to, ADDRESS_SIZE) >= 0) return;
    if (this.#libc.errorName() !== 'EMSGSIZE' || !mayFragment(packet) || readU16be(packet, 6) !== 0) {
      this.refused++;
      return;
    }
    for (const piece of fragment(packet, SAFE_MTU))
      if (this.#libc.sendto(from, piece, piece.length, 0, to, ADDRESS_SIZE) < 0) this.refused++;
  }

  /** Closes every socket; claimed ports are given back. */
  close(): void {
    for (const stop of this.#stops) stop();
    for (const input of this.#inputs) input.close();
    for (const fd of this.#outputs.values()) this.#libc.close(fd);
    this.ports.close();
  }

  #listen(name: string, addresses: readonly Ipv4[], onPacket: OnRawPacket): void {
    const input = InterfaceInput.open(name, addresses, [], true);
    this.#inputs.push(input);
    let isOpen = true;
    // As they came: not in the order in which the endpoint would have them.
    const taker: FrameTaker = {
      add: (frame, splitter) => {
        // The clock may have been set in between.
        const age = Math.max(0, this.#libc.wallClock() - frame.arrivedAt);
        while (!frame.isFinished) splitter.next(frame, (packet, length) => onPacket(packet.subarray(0, length), age));
      },
    };
    const stop = this.#libc.watch(input.fd, () => {
      while (isOpen && input.collect(taker) > 0);
    });
    this.#stops.push(() => {
      isOpen = false;
      stop();
    });
  }

  #openOutput(address: Ipv4): void {
    const c = this.#libc;
    const doing = `Sending packets from ${formatIpv4(address)}`;
    const fd = c.check(
      c.socket(AF_INET, SOCK_RAW_NONBLOCK_CLOEXEC, IPPROTO_RAW),
      doing,
      'the kernel lacks raw sockets',
    );
    this.#outputs.set(address, fd);
    c.check(c.bind(fd, socketAddress(address, 0), ADDRESS_SIZE), doing, 'no interface of this machine has the address');
  }
}

/**
 * Names of the interfaces that have the addresses.
 * @throws HostError for an address that none has.
 */
function interfacesOf(addresses: readonly Ipv4[]): Set<string> {
  const all = Object.entries(networkInterfaces()).flatMap(([name, entries = []]) =>
    entries.filter(({ family }) => family === 'IPv4').map((entry) => ({ name, entry })),
  );
  const names = new Set<string>();
  for (const address of addresses) {
    const found = all.find(
      ({ entry }) => parseIpv4(entry.address) === address || (address >>> 24 === LOOPBACK && entry.internal),
    );
    if (found === undefined)
      throw new HostError(
        'EADDRNOTAVAIL',
        `No interface that is up has the address ${formatIpv4(address)}; give one of this machine's own.`,
      );
    names.add(found.name);
  }
  return names;
}
