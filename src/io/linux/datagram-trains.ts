import { readU16be, readU32be, writeU16be } from '../../codec/bytes.js';
import { fold, ipv4HeaderChecksum, pseudoHeaderSum } from '../../codec/checksum.js';
import { UDP, UDP_HEADER_LENGTH } from '../../codec/datagram.js';
import { type Libc, libc, type NativeMemory, type Watch } from './libc.js';
import { NextHops } from './next-hops.js';
import { Cut, OFFLOAD_HEADER, OffloadHeader } from './offload-header.js';
import { isSegmentationOn, linkAddressOf } from './offloads.js';
import { BATCH } from './packet-link.js';
import { SendBuffer } from './send-buffer.js';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_MARK = 36;
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;
const ETHERNET = 14;
const ETHERTYPE_IPV4 = 0x0800;
const IP_LENGTH = 20;
const IP_AT = OFFLOAD_HEADER + ETHERNET;
const HEADERS = IP_LENGTH + UDP_HEADER_LENGTH;
const HEAD = IP_AT + HEADERS;
const DONT_FRAGMENT = 0x4000;
/** The kernel cuts a datagram into this many at most (UDP_MAX_SEGMENTS of older kernels). */
const LONGEST_TRAIN = 64;
const LARGEST_TRAIN = 65000;
/** A train costs about as much as one packet; below this many its own set-up outweighs that. */
const SHORTEST_TRAIN = 2;
const MESSAGE = 64;
const VECTOR = 16;

/** Datagrams that wait to be sent. */
export interface WaitingDatagrams {
  readonly buffers: readonly Uint8Array[];
  /** Where the buffers are, as the kernel counts. */
  address(index: number): bigint;
  length(index: number): number;
}

/**
 * Sends UDP datagrams of equal length that go the same way as one train: the kernel (or the device) cuts it into the
 * datagrams, each of which is on the wire as it was given, its CM and timestamp included. Headers are equal by
 * construction, the UDP checksum is computed where the train is cut, and the IP id counts up, which means nothing where
 * nothing may be fragmented (RFC 6864).
 *
 * A train is a frame of a packet socket: it needs the next hop's Ethernet address and passes no output rule of the
 * firewall. Whatever does not fit is left to the raw socket.
 */
export class DatagramTrains {
  /** Datagrams that the kernel refused. */
  refused = 0;
  /** What the kernel holds of them. */
  readonly buffer: SendBuffer;
  readonly watch: Watch;
  readonly #heads: NativeMemory;
  readonly #messages: NativeMemory;
  readonly #vectors: NativeMemory;
  readonly #members: number[][] = [];
  /** Of each open train: its datagrams' user data, octets in all. */
  readonly #sizes: number[] = [];
  readonly #totals: number[] = [];
  readonly #isClosed: boolean[] = [];
  #onRoom: () => void = () => {};
  /** Trains that the kernel is still to take: the first one's number, and one past the last. */
  #next = 0;
  #end = 0;

  private constructor(
    private readonly libc: Libc,
    private readonly fd: number,
    private readonly nextHops: NextHops,
    private readonly own: Uint8Array,
  ) {
    this.#heads = libc.allocate(HEAD * BATCH);
    this.#messages = libc.allocate(MESSAGE * BATCH);
    this.#vectors = libc.allocate(VECTOR * BATCH * 2);
    this.buffer = new SendBuffer(fd);
    this.watch = libc.watcher(fd, 'writable', () => this.#onRoom());
  }

  /** Undefined for an interface that is not Ethernet, has segmentation switched off, or where the kernel lacks any of it. */
  static open(device: string, mark: number): DatagramTrains | undefined {
    const c = libc();
    const own = linkAddressOf(device);
    if (own === undefined || !isSegmentationOn(device)) return undefined;
    const index = c.ifNameToIndex(device);
    const nextHops = NextHops.open(index, mark);
    if (nextHops === undefined) return undefined;
    const fd = c.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0);
    const number = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setInt32(4, index, true);
    if (
      fd < 0 ||
      c.setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, number(1), 4) < 0 ||
      c.setsockopt(fd, SOL_SOCKET, SO_MARK, number(mark), 4) < 0 ||
      c.bind(fd, address, address.length) < 0
    ) {
      if (fd >= 0) c.close(fd);
      nextHops.close();
      return undefined;
    }
    return new DatagramTrains(c, fd, nextHops, own);
  }

  /** Calls `onRoom` when there is room while `watch` is started. */
  onRoom(onRoom: () => void): void {
    this.#onRoom = onRoom;
  }

  /**
   * Makes trains of those of `count` waiting datagrams that fit together; `taken[i]` becomes 1 for each. Their octets must
   * stay where they are until `push` has sent everything.
   * @returns how many were taken.
   */
  gather(waiting: WaitingDatagrams, count: number, taken: Uint8Array): number {
    taken.fill(0, 0, count);
    const trains = this.#group(waiting, count);
    let messages = 0;
    let vectors = 0;
    let all = 0;
    for (let train = 0; train < trains; train++) {
      const members = this.#members[train]!;
      if (members.length < SHORTEST_TRAIN) continue;
      const first = waiting.buffers[members[0]!]!;
      const mac = this.nextHops.find(readU32be(first, 12), readU32be(first, 16), performance.now());
      if (mac === undefined) continue;
      this.#writeHead(messages, first, mac, this.#sizes[train]!, this.#totals[train]!);
      const { view } = this.#messages;
      view.setBigUint64(messages * MESSAGE + 16, this.#vectors.address + BigInt(vectors * VECTOR), true);
      view.setBigUint64(messages * MESSAGE + 24, BigInt(members.length + 1), true);
      this.#writeVector(vectors++, this.#heads.address + BigInt(messages * HEAD), HEAD);
      for (const member of members) {
        this.#writeVector(vectors++, waiting.address(member) + BigInt(HEADERS), waiting.length(member) - HEADERS);
        taken[member] = 1;
      }
      all += members.length;
      messages++;
    }
    this.#next = 0;
    this.#end = messages;
    return all;
  }

  /** Sends the trains. @returns false when the kernel does not take all of them now. */
  push(): boolean {
    while (this.#next < this.#end) {
      const from = this.#messages.address + BigInt(this.#next * MESSAGE);
      const sent = this.libc.sendmmsg(this.fd, from, this.#end - this.#next, 0);
      if (sent <= 0) {
        if (this.libc.errorName() === 'EAGAIN') return false;
        this.refused++;
      }
      this.#next += Math.max(1, sent);
    }
    return true;
  }

  close(): void {
    this.nextHops.close();
    this.watch.close();
    this.libc.close(this.fd);
  }

  /** Puts the datagrams into trains, each in order; gives the number of trains. */
  #group(waiting: WaitingDatagrams, count: number): number {
    let trains = 0;
    for (let i = 0; i < count; i++) {
      const packet = waiting.buffers[i]!;
      const length = waiting.length(i);
      if (!canTravel(packet, length)) continue;
      const data = length - HEADERS;
      let train = trains - 1;
      for (; train >= 0; train--) if (sameWay(packet, waiting.buffers[this.#members[train]![0]!]!)) break;
      const isNext =
        train >= 0 &&
        !this.#isClosed[train] &&
        data <= this.#sizes[train]! &&
        this.#members[train]!.length < LONGEST_TRAIN &&
        this.#totals[train]! + data <= LARGEST_TRAIN;
      if (!isNext) {
        train = trains++;
        if (this.#members.length <= train) this.#members.push([]);
        this.#members[train]!.length = 0;
        this.#sizes[train] = data;
        this.#totals[train] = 0;
        this.#isClosed[train] = false;
      }
      this.#members[train]!.push(i);
      this.#totals[train]! += data;
      if (data < this.#sizes[train]!) this.#isClosed[train] = true;
    }
    return trains;
  }

  #writeHead(index: number, first: Uint8Array, mac: Uint8Array, size: number, data: number): void {
    const { bytes, view } = this.#heads;
    const at = index * HEAD;
    const ip = at + IP_AT;
    const udp = ip + IP_LENGTH;
    OffloadHeader.writeCut(view, at, Cut.udp, size, ETHERNET + HEADERS, ETHERNET + IP_LENGTH);
    bytes.set(mac, at + OFFLOAD_HEADER);
    bytes.set(this.own, at + OFFLOAD_HEADER + 6);
    view.setUint16(at + OFFLOAD_HEADER + 12, ETHERTYPE_IPV4);
    for (let i = 0; i < HEADERS; i++) bytes[ip + i] = first[i]!;
    writeU16be(bytes, ip + 2, HEADERS + data);
    writeU16be(bytes, ip + 10, ipv4HeaderChecksum(bytes, ip, IP_LENGTH));
    writeU16be(bytes, udp + 4, UDP_HEADER_LENGTH + data);
    writeU16be(bytes, udp + 6, fold(pseudoHeaderSum(bytes, ip, UDP, UDP_HEADER_LENGTH + data)));
  }

  #writeVector(index: number, address: bigint, length: number): void {
    this.#vectors.view.setBigUint64(index * VECTOR, address, true);
    this.#vectors.view.setUint32(index * VECTOR + 8, length, true);
  }
}

/** True for a whole UDP datagram that may not be fragmented, without IP options and with a checksum. */
function canTravel(packet: Uint8Array, length: number): boolean {
  return (
    packet[0] === 0x45 &&
    packet[9] === UDP &&
    length > HEADERS &&
    readU16be(packet, 2) === length &&
    readU16be(packet, 6) === DONT_FRAGMENT &&
    readU16be(packet, IP_LENGTH + 4) === length - IP_LENGTH &&
    readU16be(packet, IP_LENGTH + 6) !== 0
  );
}

/** True when two datagrams have the same addresses, ports, type of service and time to live. */
function sameWay(a: Uint8Array, b: Uint8Array): boolean {
  if (a[1] !== b[1] || a[8] !== b[8]) return false;
  for (let i = 12; i < IP_LENGTH + 4; i++) if (a[i] !== b[i]) return false;
  return true;
}
