import { writeU32be } from '../../codec/bytes.js';
import type { Ipv4 } from '../../codec/index.js';
import { type Libc, libc } from './libc.js';
import { MessageBatch } from './message-batch.js';
import { BATCH, type PacketSink } from './packet-link.js';

const AF_INET = 2;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const IPPROTO_RAW = 255;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_BINDTODEVICE = 25;
const SO_MARK = 36;
const ADDRESS_SIZE = 16;
const SEND_BUFFER = 4 * 1024 * 1024;
/** Octets of the largest packet that a link carries; longer ones are refused. */
const LARGEST = 16384;

/** Where an output leaves the host; without device and source, as the routing tables say. */
export interface OutputBinding {
  readonly device?: string;
  readonly source?: Ipv4;
  /** The mark of its packets: rules of routing tell the node's own packets from those of applications by it. */
  readonly mark: number;
}

/**
 * Sends whole IPv4 packets by one interface through the kernel's routing and neighbour tables. The kernel computes the
 * IP header's checksum and fills in an IP id of 0; everything else stays as it is. Nothing is fragmented.
 */
export class InterfaceOutput implements PacketSink {
  refused = 0;
  readonly #batch: MessageBatch;
  #waiting = 0;

  private constructor(
    private readonly libc: Libc,
    private readonly fd: number,
  ) {
    this.#batch = new MessageBatch(libc, LARGEST, ADDRESS_SIZE, 0);
    for (let i = 0; i < BATCH; i++) this.#batch.names.view.setUint16(this.#batch.nameOffset(i), AF_INET, true);
  }

  /** @throws HostError */
  static open({ device, source, mark }: OutputBinding): InterfaceOutput {
    const c = libc();
    const doing = `Sending packets by ${device ?? 'any interface'}`;
    const fd = c.check(
      c.socket(AF_INET, SOCK_RAW_NONBLOCK_CLOEXEC, IPPROTO_RAW),
      doing,
      'the kernel lacks raw sockets',
    );
    const number = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
    try {
      c.check(c.setsockopt(fd, SOL_SOCKET, SO_MARK, number(mark), 4), doing, 'the kernel refuses marks');
      c.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, number(SEND_BUFFER), 4);
      if (device !== undefined) {
        const name = new TextEncoder().encode(device);
        c.check(
          c.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length),
          doing,
          'check the name of the interface with ip link',
        );
      }
      if (source !== undefined) {
        const address = new Uint8Array(ADDRESS_SIZE);
        address[0] = AF_INET;
        writeU32be(address, 4, source);
        c.check(c.bind(fd, address, ADDRESS_SIZE), doing, 'the interface has lost the address; give it back');
      }
    } catch (error) {
      c.close(fd);
      throw error;
    }
    return new InterfaceOutput(c, fd);
  }

  send(packet: Uint8Array, length: number): void {
    if (length > LARGEST || length < 20) {
      this.refused++;
      return;
    }
    const batch = this.#batch;
    const index = this.#waiting++;
    const buffer = batch.buffers[index]!;
    buffer.set(length === packet.length ? packet : packet.subarray(0, length));
    batch.names.bytes.set(packet.subarray(16, 20), batch.nameOffset(index) + 4);
    batch.setLength(index, length);
    if (this.#waiting === BATCH) this.flush();
  }

  flush(): void {
    const { libc, fd } = this;
    for (let at = 0; at < this.#waiting; ) {
      const sent = libc.sendmmsg(fd, this.#batch.from(at), this.#waiting - at, 0);
      // The first of the rest was refused: it is lost, as on a full link.
      if (sent <= 0) this.refused++;
      at += Math.max(1, sent);
    }
    this.#waiting = 0;
  }

  close(): void {
    this.libc.close(this.fd);
  }
}
