import type { Ipv4 } from '../../codec/index.js';
import { Arrivals } from './arrivals.js';
import { type Libc, libc } from './libc.js';
import { MessageBatch } from './message-batch.js';
import { OFFLOAD_HEADER, OffloadHeader } from './offload-header.js';
import { CONTROLS_SIZE, PACKET_AUXDATA, type PacketControls, readControls, SO_TIMESTAMPNS } from './packet-controls.js';
import { type Network, packetFilter } from './packet-filter.js';
import { BATCH, type OnPacket, type PacketSource } from './packet-link.js';
import { Frame, LARGEST_PART, PacketSplitter } from './packet-splitter.js';
import { attachFilter } from './socket-filter.js';
import { SummedMemory } from './summed-memory.js';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
/** Every protocol: a socket of one protocol would be served behind the ingress filter. */
const ETH_P_ALL = 3;
const MSG_DONTWAIT = 0x40;
const ADDRESS_SIZE = 20;
/** struct cmsghdr (16) and struct tpacket_auxdata (20), padded. */
const CONTROL_SIZE = 40;
/** Offset of tp_net in the control data: where the IP header begins in the frame. */
const NETWORK_OFFSET = 16 + 14;
/** Octets of a frame before the IP header, nearly always. */
const ETHERNET = 14;
/** The offload header, a frame, and what a summing may read beyond it. */
const BUFFER = 65536 + 128;
const RECEIVE_BUFFER = 8 * 1024 * 1024;
const ACCEPT = 0x40000;

/** Takes the frames of a batch. */
export interface FrameTaker {
  add(frame: Frame, splitter: PacketSplitter): void;
}

/**
 * The IPv4 packets of TCP and UDP that arrive on an interface for the node's addresses, read by a packet socket before
 * the kernel's own stack sees them. The kernel's copy is not kept back here: see `host-setup`.
 */
export class InterfaceInput implements PacketSource {
  readonly #memory = new SummedMemory(BUFFER * BATCH + LARGEST_PART);
  readonly #batch: MessageBatch;
  readonly #packets: readonly Uint8Array[];
  readonly #header = new OffloadHeader();
  readonly #frames = Array.from({ length: BATCH }, () => new Frame());
  readonly #arrivals = new Arrivals();
  readonly #splitter = new PacketSplitter(this.#memory, BUFFER * BATCH);
  /** Absent where times are not asked for: then there is one piece of control data, in one place. */
  readonly #controls: PacketControls | undefined;

  private constructor(
    private readonly libc: Libc,
    readonly fd: number,
    hasTimes: boolean,
  ) {
    if (hasTimes) this.#controls = { seconds: 0, nanoseconds: 0, length: 0, network: 0 };
    const controlSize = hasTimes ? CONTROLS_SIZE : CONTROL_SIZE;
    this.#batch = new MessageBatch(libc, BUFFER, ADDRESS_SIZE, controlSize, this.#memory);
    this.#packets = this.#batch.buffers.map((buffer) => buffer.subarray(OFFLOAD_HEADER + ETHERNET));
  }

  /**
   * @param addresses the node's addresses, on any interface.
   * @param networks read only what comes from them; everything when there are none.
   * @param hasTimes whether frames say when they arrived.
   * @throws HostError
   */
  static open(
    name: string,
    addresses: readonly Ipv4[],
    networks: readonly Network[],
    hasTimes = false,
  ): InterfaceInput {
    const c = libc();
    const doing = `Reading packets of ${name}`;
    const index = c.ifNameToIndex(name);
    const fd = c.check(c.socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0), doing, 'the kernel lacks packet sockets');
    try {
      const option = (level: number, option: number, value: number) =>
        c.setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer), 4);
      c.check(option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), doing, 'the kernel is older than 4.20');
      c.check(option(SOL_PACKET, PACKET_AUXDATA, 1), doing, 'the kernel refuses auxiliary data');
      c.check(option(SOL_PACKET, PACKET_VNET_HDR, 1), doing, 'the kernel refuses offload headers');
      if (hasTimes) c.check(option(SOL_SOCKET, SO_TIMESTAMPNS, 1), doing, 'the kernel refuses times');
      // Without privilege for a larger buffer the system's limit stays.
      option(SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
      attachFilter(c, fd, packetFilter(addresses, networks, ACCEPT, 0), doing);
      const address = new Uint8Array(ADDRESS_SIZE);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_PACKET, true);
      view.setUint16(2, ETH_P_ALL, false);
      view.setInt32(4, index, true);
      c.check(c.bind(fd, address, ADDRESS_SIZE), doing, 'check the name of the interface with ip link');
    } catch (error) {
      c.close(fd);
      throw error;
    }
    return new InterfaceInput(c, fd, hasTimes);
  }

  receive(onPacket: OnPacket): number {
    const count = this.collect(this.#arrivals);
    this.#arrivals.pass(onPacket);
    return count;
  }

  /**
   * Reads what waits, at most one batch, into `arrivals`, in the order in which it came; it must be passed on before the
   * next call.
   * @returns the number of frames.
   */
  collect(arrivals: FrameTaker): number {
    const batch = this.#batch;
    const header = this.#header;
    const splitter = this.#splitter;
    const count = this.libc.recvmmsg(this.fd, batch.from(0), BATCH, MSG_DONTWAIT, null);
    for (let i = 0; i < count; i++) {
      // A sender on this machine leaves checksums and cutting to hardware that a virtual link does not have.
      header.read(this.#memory.view, i * BUFFER);
      const frame = this.#frames[i]!;
      const network = this.#readControls(i, frame);
      const at = OFFLOAD_HEADER + network;
      const packet = network === ETHERNET ? this.#packets[i]! : batch.buffers[i]!.subarray(at);
      const length = batch.received(i) - at;
      if (length <= 0) continue;
      splitter.begin(frame, packet, i * BUFFER + at, length, network, header);
      if (!frame.isFinished) arrivals.add(frame, splitter);
    }
    if (count > 0) batch.renew(count);
    return Math.max(0, count);
  }

  /** @returns where the IP header of message `index` begins in its frame. */
  #readControls(index: number, frame: Frame): number {
    const controls = this.#controls;
    const batch = this.#batch;
    if (controls === undefined) return batch.controls.view.getUint16(batch.controlOffset(index) + NETWORK_OFFSET, true);
    readControls(batch, index, controls);
    frame.arrivedAt = controls.seconds * 1_000_000 + Math.floor(controls.nanoseconds / 1000);
    return controls.network;
  }

  /**
   * Replaces the filter at once: no packet passes unfiltered, none that both match is lost.
   * @throws HostError
   */
  setFilter(addresses: readonly Ipv4[], networks: readonly Network[]): void {
    attachFilter(this.libc, this.fd, packetFilter(addresses, networks, ACCEPT, 0), 'Filtering packets');
  }

  close(): void {
    this.libc.close(this.fd);
    this.#batch.free();
  }
}
