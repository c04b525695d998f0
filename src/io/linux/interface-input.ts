import { writeU16be } from '../../codec/bytes.js';
import { DatagramView, HeaderStatus, type Ipv4, l4Checksum } from '../../codec/index.js';
import { type Libc, libc } from './libc.js';
import { MessageBatch } from './message-batch.js';
import { type FilterInstruction, type Network, packetFilter } from './packet-filter.js';
import { BATCH, type OnPacket, type PacketSource } from './packet-link.js';

const AF_PACKET = 17;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_AUXDATA = 8;
const PACKET_IGNORE_OUTGOING = 23;
/** Every protocol: a socket of one protocol would be served behind the ingress filter. */
const ETH_P_ALL = 3;
const STATUS_CHECKSUM_NOT_READY = 8;
const MSG_DONTWAIT = 0x40;
const ADDRESS_SIZE = 20;
/** struct cmsghdr (16) and struct tpacket_auxdata (20), padded. */
const CONTROL_SIZE = 40;
const RECEIVE_BUFFER = 8 * 1024 * 1024;
const ACCEPT = 0x40000;

/**
 * The IPv4 packets of TCP and UDP that arrive on an interface for the node's addresses, read by a packet socket before
 * the kernel's own stack sees them. The kernel's copy is not kept back here: see `host-setup`.
 */
export class InterfaceInput implements PacketSource {
  readonly #batch: MessageBatch;
  readonly #view = new DatagramView();

  private constructor(
    private readonly libc: Libc,
    readonly fd: number,
  ) {
    this.#batch = new MessageBatch(libc, 65536, ADDRESS_SIZE, CONTROL_SIZE);
  }

  /**
   * @param addresses the node's addresses, on any interface.
   * @param networks read only what comes from them; everything when there are none.
   * @throws HostError
   */
  static open(name: string, addresses: readonly Ipv4[], networks: readonly Network[]): InterfaceInput {
    const c = libc();
    const doing = `Reading packets of ${name}`;
    const index = c.ifNameToIndex(name);
    const fd = c.check(c.socket(AF_PACKET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0), doing, 'the kernel lacks packet sockets');
    try {
      const option = (level: number, option: number, value: number) =>
        c.setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer), 4);
      c.check(option(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1), doing, 'the kernel is older than 4.20');
      c.check(option(SOL_PACKET, PACKET_AUXDATA, 1), doing, 'the kernel refuses auxiliary data');
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
    return new InterfaceInput(c, fd);
  }

  receive(onPacket: OnPacket): number {
    const batch = this.#batch;
    const count = this.libc.recvmmsg(this.fd, batch.from(0), BATCH, MSG_DONTWAIT, null);
    for (let i = 0; i < count; i++) {
      const packet = batch.buffers[i]!;
      // A sender on this machine leaves checksums to hardware that a virtual link does not have.
      const status = batch.controls.view.getUint32(batch.controlOffset(i) + 16, true);
      const length = batch.received(i);
      if ((status & STATUS_CHECKSUM_NOT_READY) !== 0) this.#completeChecksum(packet, length);
      onPacket(packet, length);
    }
    if (count > 0) batch.renew(count);
    return Math.max(0, count);
  }

  close(): void {
    this.libc.close(this.fd);
  }

  #completeChecksum(packet: Uint8Array, length: number): void {
    const view = this.#view;
    if (view.parse(packet, 0, length) !== HeaderStatus.ok) return;
    const { l4Offset, protocol, end } = view;
    writeU16be(packet, l4Offset + (protocol === 6 ? 16 : 6), l4Checksum(packet, 0, protocol, l4Offset, end));
  }
}

/** Lets the kernel discard what the filter does not match, before it is copied. */
function attachFilter(c: Libc, fd: number, filter: readonly FilterInstruction[], doing: string): void {
  const code = c.allocate(filter.length * 8);
  for (const [i, [operation, jumpTrue, jumpFalse, value]] of filter.entries()) {
    code.view.setUint16(i * 8, operation, true);
    code.view.setUint8(i * 8 + 2, jumpTrue);
    code.view.setUint8(i * 8 + 3, jumpFalse);
    code.view.setUint32(i * 8 + 4, value, true);
  }
  const program = new Uint8Array(16);
  const view = new DataView(program.buffer);
  view.setUint16(0, filter.length, true);
  view.setBigUint64(8, code.address, true);
  c.check(c.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, 16), doing, 'the kernel refuses the filter');
}
