import { readU16be } from '../../codec/bytes.js';
import { fragment, mayFragment } from '../../codec/fragment.js';
import { formatIpv4, type Ipv4 } from '../../codec/index.js';
import { interfacesOf } from '../own-interfaces.js';
import type { OnRawPacket, RawNetwork } from '../raw-network.js';
import { ClaimedPorts, socketAddress } from './claimed-ports.js';
import { type FrameTaker, InterfaceInput } from './interface-input.js';
import { type Libc, libc } from './libc.js';

const AF_INET = 2;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const IPPROTO_RAW = 255;
const ADDRESS_SIZE = 16;
/** What a datagram is cut to when the way out carries no longer one. */
const SAFE_MTU = 1280;

/**
 * Whole IPv4 packets of TCP and UDP from and to addresses of this machine, beside its kernel: packet sockets read what
 * arrives on the interfaces that have the addresses, raw sockets send. CAP_NET_RAW is needed to open them and not afterwards. The
 * kernel answers at ports that are not claimed (`ports`).
 */
export class RawSockets implements RawNetwork {
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
      for (const name of interfacesOf(addresses).keys()) sockets.#listen(name, addresses, onPacket);
      for (const address of addresses) sockets.#openOutput(address);
    } catch (error) {
      sockets.close();
      throw error;
    }
    return sockets;
  }

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

  close(): void {
    // Once: a second time the descriptors and the memory would be somebody else's.
    for (const stop of this.#stops.splice(0)) stop();
    for (const input of this.#inputs.splice(0)) input.close();
    for (const fd of this.#outputs.values()) this.#libc.close(fd);
    this.#outputs.clear();
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
