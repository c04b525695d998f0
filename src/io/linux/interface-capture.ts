import { readFileSync } from 'node:fs';
import { blankPacket, type CapturedPacket } from '../captured-packet.js';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../link-type.js';
import { HostError, type Libc, libc } from './libc.js';
import { MessageBatch } from './message-batch.js';
import { CONTROLS_SIZE, PACKET_AUXDATA, type PacketControls, readControls, SO_TIMESTAMPNS } from './packet-controls.js';
import { BATCH } from './packet-link.js';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_IGNORE_OUTGOING = 23;
const MSG_DONTWAIT = 0x40;
const PACKET_OUTGOING = 4;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
/** Of the loopback interface, in every network namespace. */
const LOOPBACK_INDEX = 1;
/** struct sockaddr_ll */
const ADDRESS_SIZE = 20;
/** A frame with the largest IPv4 packet. */
const BUFFER = 65536 + 128;
const RECEIVE_BUFFER = 32 * 1024 * 1024;

/**
 * Every packet that arrives at an interface or leaves by it, as a capture has them: through a packet socket, with the kernel's
 * times. On the loopback interface each packet is seen once, where it arrives. An interface whose link layer is not Ethernet gives its
 * IPv4 packets without it.
 */
export class InterfaceCapture {
  /** Packets handed out so far. */
  packets = 0;
  readonly #batch: MessageBatch;
  readonly #packet: CapturedPacket = blankPacket();
  readonly #controls: PacketControls = { seconds: 0, nanoseconds: 0, length: 0, network: 0 };
  #count = 0;
  #next = 0;
  #hasPacket = false;
  #dropped = 0;
  #isGone = false;

  private constructor(
    private readonly libc: Libc,
    readonly name: string,
    private readonly index: number,
    readonly fd: number,
  ) {
    this.#batch = new MessageBatch(libc, BUFFER, ADDRESS_SIZE, CONTROLS_SIZE);
  }

  /** @throws HostError: `ENODEV` when there is no such interface, `EPERM` without privilege, `ENOTSUP` where it cannot be done */
  static open(name: string): InterfaceCapture {
    const c = libc();
    const index = c.ifNameToIndex(name);
    if (index === 0) throw new HostError('ENODEV', `There is no interface '${name}'; ${interfacesHere()}`);
    const doing = `Reading packets of ${name}`;
    const fd = c.check(c.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0), doing, 'the kernel lacks packet sockets');
    try {
      const option = (level: number, option: number, value: number) =>
        c.setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer), 4);
      c.check(option(SOL_PACKET, PACKET_AUXDATA, 1), doing, 'the kernel refuses auxiliary data');
      c.check(option(SOL_SOCKET, SO_TIMESTAMPNS, 1), doing, 'the kernel refuses times');
      // A kernel before 4.20 gives each packet twice there: see #read.
      if (index === LOOPBACK_INDEX) option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
      // Without CAP_NET_ADMIN the system's limit stays.
      option(SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
      const address = new Uint8Array(ADDRESS_SIZE);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_PACKET, true);
      view.setUint16(2, ETH_P_ALL, false);
      view.setInt32(4, index, true);
      c.check(c.bind(fd, address, ADDRESS_SIZE), doing, 'check the interface with ip link');
    } catch (error) {
      c.close(fd);
      throw error;
    }
    return new InterfaceCapture(c, name, index, fd);
  }

  /** Whether the interface has been removed: nothing more will come. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** The next packet, which stays the next until {@link advance}; undefined when none waits. Valid until then. */
  peek(): CapturedPacket | undefined {
    while (!this.#hasPacket) {
      if (this.#next === this.#count && !this.#fill()) return undefined;
      this.#hasPacket = this.#read(this.#next++);
    }
    return this.#packet;
  }

  advance(): void {
    this.#hasPacket = false;
    this.packets++;
  }

  /** Packets that the kernel had no room for, since the start. */
  dropped(): number {
    // struct tpacket_stats: packets, drops; asking sets both to 0.
    const statistics = new Uint32Array(2);
    const bytes = new Uint8Array(statistics.buffer);
    const length = new Uint8Array(Uint32Array.of(bytes.length).buffer);
    if (this.libc.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, bytes, length) === 0)
      this.#dropped += statistics[1]!;
    return this.#dropped;
  }

  close(): void {
    this.libc.close(this.fd);
    this.#batch.free();
  }

  #fill(): boolean {
    const batch = this.#batch;
    batch.renew(this.#count);
    this.#next = 0;
    this.#count = 0;
    const count = this.libc.recvmmsg(this.fd, batch.from(0), BATCH, MSG_DONTWAIT, null);
    if (count > 0) this.#count = count;
    // The kernel says once that an interface went down: it may come back, but not one that was removed.
    else if (this.libc.errorName() === 'ENETDOWN') this.#isGone = this.libc.ifNameToIndex(this.name) !== this.index;
    return count > 0;
  }

  /** @returns false for what a capture does not have */
  #read(index: number): boolean {
    const { names, buffers } = this.#batch;
    const packet = this.#packet;
    const name = this.#batch.nameOffset(index);
    const hardware = names.view.getUint16(name + 8, true);
    if (hardware === ARPHRD_LOOPBACK && names.bytes[name + 10] === PACKET_OUTGOING) return false;
    const isEthernet = hardware === ARPHRD_ETHER || hardware === ARPHRD_LOOPBACK;
    const controls = this.#controls;
    readControls(this.#batch, index, controls);
    packet.seconds = controls.seconds;
    packet.nanoseconds = controls.nanoseconds;
    const skipped = isEthernet ? 0 : controls.network;
    packet.linkType = isEthernet ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
    packet.buffer = buffers[index]!;
    packet.offset = skipped;
    packet.capturedLength = Math.max(0, Math.min(this.#batch.received(index), BUFFER) - skipped);
    const length = controls.length > 0 ? controls.length : this.#batch.received(index);
    packet.originalLength = Math.max(packet.capturedLength, length - skipped);
    return true;
  }
}

/** A sentence's end: which interfaces there are. */
function interfacesHere(): string {
  try {
    // Of this process's network namespace, whatever /sys shows.
    const lines = readFileSync('/proc/self/net/dev', 'utf8').split('\n').slice(2);
    const names = lines.map((line) => line.split(':')[0]!.trim()).filter((name) => name !== '');
    return `choose from ${names.join(', ')}.`;
  } catch {
    return 'ip link lists them.';
  }
}
