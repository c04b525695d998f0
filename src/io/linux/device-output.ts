import { copyOctets } from '../../codec/bytes.js';
import { DatagramTrains, type WaitingDatagrams } from './datagram-trains.js';
import { type Libc, libc, type Watch } from './libc.js';
import { MESSAGE, MessageBatch } from './message-batch.js';
import { BATCH, LONGEST_WAIT_MS } from './packet-link.js';
import { SendBuffer } from './send-buffer.js';

const AF_INET = 2;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const IPPROTO_RAW = 255;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_MARK = 36;
const ADDRESS_SIZE = 16;
/** struct cmsghdr (16) and struct in_pktinfo (12), padded. */
const CONTROL_SIZE = 32;
const CONTROL_LENGTH = 28;
const SOURCE_OFFSET = 16 + 4;
/** Octets of the largest packet that a link carries; longer ones are refused. */
const LARGEST = 16384;
/** Packets that are kept while the kernel takes none; more are refused. */
const MOST_HELD = 2048;

/** A packet that waits for room. */
interface Held {
  readonly packet: Uint8Array;
  readonly source: Uint8Array;
}

/**
 * The raw socket of one interface, or of none: then the routing tables say where packets go. What the kernel does not take
 * because the interface has enough to send is kept and sent as soon as there is room; until then the output is full.
 */
export class DeviceOutput {
  static readonly #open = new Map<string, DeviceOutput>();

  refused = 0;
  /** Called when the output was full and is not any more. */
  readonly whenRoom = new Set<() => void>();
  readonly #batch: MessageBatch;
  readonly #lengths = new Int32Array(BATCH);
  readonly #taken = new Uint8Array(BATCH);
  readonly #datagrams: WaitingDatagrams;
  readonly #buffer: SendBuffer;
  readonly #watch: Watch;
  #waiting = 0;
  #users = 1;
  /** Messages that the kernel is still to take: where the first is, and their number. */
  #rest = 0n;
  #restCount = 0;
  /** True while the kernel takes no more; and since when. */
  #isBlocked = false;
  #blockedAt = 0;
  #held: Held[] = [];

  private constructor(
    private readonly libc: Libc,
    private readonly fd: number,
    private readonly key: string,
    private readonly trains: DatagramTrains | undefined,
  ) {
    this.#batch = new MessageBatch(libc, LARGEST, ADDRESS_SIZE, CONTROL_SIZE);
    this.#buffer = new SendBuffer(fd);
    this.#watch = libc.watcher(fd, 'writable', () => this.#resume(this.#buffer, this.#watch));
    trains?.onRoom(() => this.#resume(trains.buffer, trains.watch));
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
    if (!this.#isBlocked) this.#take(packet, length, source);
    else if (this.isFull && this.#held.length < MOST_HELD) this.#held.push({ packet: packet.slice(0, length), source });
    else this.refused++;
  }

  /** True while the kernel takes no more, but not when it has not done so for long. */
  get isFull(): boolean {
    return this.#isBlocked && performance.now() - this.#blockedAt < LONGEST_WAIT_MS;
  }

  #take(packet: Uint8Array, length: number, source: Uint8Array): void {
    const batch = this.#batch;
    const index = this.#waiting++;
    const buffer = batch.buffers[index]!;
    copyOctets(buffer, 0, packet, length);
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

  /** How long what the kernel holds takes to leave while it is full, microseconds, about. */
  get backlogMicros(): number {
    return this.#buffer.micros;
  }

  /** Sends what was taken and is not sent yet. */
  flush(): void {
    const count = this.#waiting;
    if (count === 0 || this.#isBlocked) return;
    this.#waiting = 0;
    const batch = this.#batch;
    this.#rest = batch.messages.address;
    this.#restCount = count;
    const { trains } = this;
    const taken = this.#taken;
    if (count > 1 && trains !== undefined && trains.gather(this.#datagrams, count, taken) > 0) {
      let left = 0;
      for (let i = 0; i < count; i++) if (taken[i] === 0) batch.moveForSending(i, left++);
      this.#rest = batch.rest;
      this.#restCount = left;
    }
    this.#push();
  }

  /** Packets that the kernel refused, those of trains too. */
  get lost(): number {
    return this.refused + (this.trains?.refused ?? 0);
  }

  /** Gives the output back; the socket is closed when nobody uses it any more. */
  close(): void {
    if (--this.#users > 0) return;
    DeviceOutput.#open.delete(this.key);
    this.trains?.close();
    this.#watch.close();
    this.libc.close(this.fd);
    this.#batch.free();
  }

  /** Gives the kernel what it is still to take. @returns false when it does not take everything now. */
  #push(): boolean {
    const { trains } = this;
    if (trains !== undefined && !trains.push()) return this.#wait(trains.buffer, trains.watch);
    const { libc, fd } = this;
    while (this.#restCount > 0) {
      const sent = libc.sendmmsg(fd, this.#rest, this.#restCount, 0);
      if (sent <= 0) {
        if (libc.errorName() === 'EAGAIN') return this.#wait(this.#buffer, this.#watch);
        // The first of the rest was refused for another reason: it is lost, as on a link that is down.
        this.refused++;
      }
      this.#rest += BigInt(Math.max(1, sent) * MESSAGE);
      this.#restCount -= Math.max(1, sent);
    }
    return true;
  }

  #wait(buffer: SendBuffer, watch: Watch): false {
    this.#isBlocked = true;
    this.#blockedAt = performance.now();
    buffer.filled(this.#blockedAt * 1000);
    watch.start();
    return false;
  }

  /** The kernel has room: first for what it is still to take, then for what was kept. */
  #resume(buffer: SendBuffer, watch: Watch): void {
    watch.stop();
    buffer.drained(performance.now() * 1000);
    if (!this.#push()) return;
    this.#isBlocked = false;
    const held = this.#held;
    this.#held = [];
    for (const { packet, source } of held) this.send(packet, packet.length, source);
    this.flush();
    if (!this.#isBlocked) for (const tell of this.whenRoom) tell();
  }
}
