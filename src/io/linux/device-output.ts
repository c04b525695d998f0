import { DatagramTrains, type WaitingDatagrams } from './datagram-trains.js';
import { type Libc, libc } from './libc.js';
import { MESSAGE, MessageBatch } from './message-batch.js';
import { BATCH } from './packet-link.js';

const AF_INET = 2;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const IPPROTO_RAW = 255;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_BINDTODEVICE = 25;
const SO_MARK = 36;
const ADDRESS_SIZE = 16;
/** struct cmsghdr (16) and struct in_pktinfo (12), padded. */
const CONTROL_SIZE = 32;
const CONTROL_LENGTH = 28;
const SOURCE_OFFSET = 16 + 4;
const SEND_BUFFER = 4 * 1024 * 1024;
/** Octets of the largest packet that a link carries; longer ones are refused. */
const LARGEST = 16384;

/** The raw socket of one interface, or of none: then the routing tables say where packets go. */
export class DeviceOutput {
  static readonly #open = new Map<string, DeviceOutput>();

  refused = 0;
  readonly #batch: MessageBatch;
  readonly #lengths = new Int32Array(BATCH);
  readonly #taken = new Uint8Array(BATCH);
  readonly #datagrams: WaitingDatagrams;
  #waiting = 0;
  #users = 1;

  private constructor(
    private readonly libc: Libc,
    private readonly fd: number,
    private readonly key: string,
    private readonly trains: DatagramTrains | undefined,
  ) {
    this.#batch = new MessageBatch(libc, LARGEST, ADDRESS_SIZE, CONTROL_SIZE);
    const batch = this.#batch;
    this.#datagrams = {
      buffers: batch.buffers,
      address: (index) => batch.bufferAddress(index),
      length: (index) => this.#lengths[index]!,
    };
    const { names, controls } = batch;
    for (let i = 0; i < BATCH; i++) {
      names.view.setUint16(this.#batch.nameOffset(i), AF_INET, true);
      const at = this.#batch.controlOffset(i);
      controls.view.setBigUint64(at, BigInt(CONTROL_LENGTH), true);
      controls.view.setUint32(at + 8, IPPROTO_IP, true);
      controls.view.setUint32(at + 12, IP_PKTINFO, true);
    }
  }

  /**
   * The output of an interface: one for all who ask for it with the same mark.
   * @throws HostError
   */
  static open(device: string | undefined, mark: number, trains: boolean): DeviceOutput {
    const key = `${device ?? ''} ${mark} ${trains}`;
    const shared = DeviceOutput.#open.get(key);
    if (shared !== undefined) {
      shared.#users++;
      return shared;
    }
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
    } catch (error) {
      c.close(fd);
      throw error;
    }
    const trainsOfDevice = trains && device !== undefined ? DatagramTrains.open(device, mark) : undefined;
    const output = new DeviceOutput(c, fd, key, trainsOfDevice);
    DeviceOutput.#open.set(key, output);
    return output;
  }

  /** Takes a packet; its route is looked up from the address `source`, of four octets. */
  send(packet: Uint8Array, length: number, source: Uint8Array): void {
    if (length > LARGEST || length < 20) {
      this.refused++;
      return;
    }
    const batch = this.#batch;
    const index = this.#waiting++;
    const buffer = batch.buffers[index]!;
    buffer.set(length === packet.length ? packet : packet.subarray(0, length));
    const name = batch.nameOffset(index) + 4;
    const from = batch.controlOffset(index) + SOURCE_OFFSET;
    const { names, controls } = batch;
    for (let i = 0; i < 4; i++) {
      names.bytes[name + i] = packet[16 + i]!;
      controls.bytes[from + i] = source[i]!;
    }
    this.#lengths[index] = length;
    batch.setLength(index, length);
    if (this.#waiting === BATCH) this.flush();
  }

  /** Sends what was taken and is not sent yet. */
  flush(): void {
    const count = this.#waiting;
    this.#waiting = 0;
    if (count === 0) return;
    const batch = this.#batch;
    if (count < 2 || this.trains === undefined) {
      this.#sendRange(count, batch.messages.address);
      return;
    }
    const { trains } = this;
    const refusedBefore = trains.refused;
    const taken = this.#taken;
    if (trains.send(this.#datagrams, count, taken) === 0) {
      this.#sendRange(count, batch.messages.address);
      return;
    }
    this.refused += trains.refused - refusedBefore;
    let left = 0;
    for (let i = 0; i < count; i++) if (taken[i] === 0) batch.moveForSending(i, left++);
    this.#sendRange(left, batch.rest);
  }

  /** Gives the output back; the socket is closed when nobody uses it any more. */
  close(): void {
    if (--this.#users > 0) return;
    DeviceOutput.#open.delete(this.key);
    this.trains?.close();
    this.libc.close(this.fd);
    this.#batch.free();
  }

  /** Sends messages of the kernel's form from an address on. */
  #sendRange(count: number, messages: bigint): void {
    const { libc, fd } = this;
    for (let at = 0; at < count; ) {
      const sent = libc.sendmmsg(fd, messages + BigInt(at * MESSAGE), count - at, 0);
      // The first of the rest was refused: it is lost, as on a full link.
      if (sent <= 0) this.refused++;
      at += Math.max(1, sent);
    }
  }
}
