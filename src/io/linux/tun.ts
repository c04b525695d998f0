import { HostError, type Libc, libc } from './libc.js';
import { OFFLOAD_HEADER, OffloadHeader } from './offload-header.js';
import { BATCH, type OnPacket, type PacketSink, type PacketSource } from './packet-link.js';
import { Frame, LARGEST_PART, PacketSplitter } from './packet-splitter.js';
import { SegmentJoiner } from './segment-joiner.js';
import { SummedMemory } from './summed-memory.js';

const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN_NO_PI = 0x0001 | 0x1000;
const IFF_VNET_HDR = 0x4000;
/** TUN_F_CSUM and TUN_F_TSO4: checksums and segmentation of TCP over IPv4 may be left to this side. */
const OFFLOADS = 1 | 2;
const LARGEST_READ = OFFLOAD_HEADER + 65536;
const SHORT = 2048;
const IFREQ_SIZE = 40;
const NAME_SIZE = 16;

/**
 * A TUN device: whole IP packets of the local stack come out of it, and what is written to it goes up to the stack. With
 * offloads the kernel hands over TCP super-packets without checksums, which are cut here, and takes such, which are
 * joined here: a system call then moves up to 64 KiB instead of one packet.
 */
export class TunDevice implements PacketSource, PacketSink {
  refused = 0;
  readonly #memory = new SummedMemory(LARGEST_READ + LARGEST_PART);
  readonly #packet = this.#memory.bytes.subarray(OFFLOAD_HEADER);
  /** The same memory for packets of the usual sizes: a short buffer is copied faster. */
  readonly #short = this.#memory.bytes.subarray(0, SHORT);
  readonly #header = new OffloadHeader();
  readonly #frame = new Frame();
  readonly #splitter = new PacketSplitter(this.#memory, LARGEST_READ);
  readonly #joiner = new SegmentJoiner((length, packets) => {
    if (this.libc.write(this.fd, this.#joiner.memory.bytes, length) !== length) this.refused += packets;
  });

  private constructor(
    private readonly libc: Libc,
    readonly fd: number,
    /** The name that the kernel gave it. */
    readonly name: string,
    private readonly hasOffloads: boolean,
  ) {}

  /**
   * Makes a device; it vanishes, with the routes that lead to it, when the process ends.
   * @param pattern its name; `%d` stands for the first free number.
   * @throws HostError
   */
  static open(pattern: string, hasOffloads = false): TunDevice {
    const c = libc();
    const fd = c.check(
      c.open('/dev/net/tun', O_RDWR_NONBLOCK_CLOEXEC),
      'Opening /dev/net/tun',
      'load the module tun or make the device node',
    );
    const request = new Uint8Array(IFREQ_SIZE);
    if (pattern.length >= NAME_SIZE)
      throw new HostError(
        'EINVAL',
        `The device name '${pattern}' is longer than ${NAME_SIZE - 1} letters; shorten it.`,
      );
    new TextEncoder().encodeInto(pattern, request);
    const flags = IFF_TUN_NO_PI | (hasOffloads ? IFF_VNET_HDR : 0);
    request[NAME_SIZE] = flags & 255;
    request[NAME_SIZE + 1] = flags >>> 8;
    const doing = `Making the TUN device ${pattern}`;
    try {
      c.check(c.ioctl(fd, TUNSETIFF, request), doing, 'choose another name');
      if (hasOffloads)
        c.check(c.ioctlNumber(fd, TUNSETOFFLOAD, OFFLOADS), doing, 'the kernel refuses offloads; use --no-offload');
    } catch (error) {
      c.close(fd);
      throw error;
    }
    return new TunDevice(c, fd, new TextDecoder().decode(request.subarray(0, request.indexOf(0))), hasOffloads);
  }

  receive(onPacket: OnPacket): number {
    return this.hasOffloads ? this.#receiveFrames(onPacket) : this.#receivePackets(onPacket);
  }

  #receivePackets(onPacket: OnPacket): number {
    const { bytes } = this.#memory;
    let count = 0;
    for (; count < BATCH; count++) {
      const length = this.libc.read(this.fd, bytes, LARGEST_READ);
      if (length <= 0) break;
      onPacket(length <= SHORT ? this.#short : bytes, length, false);
    }
    return count;
  }

  #receiveFrames(onPacket: OnPacket): number {
    const memory = this.#memory;
    const header = this.#header;
    const frame = this.#frame;
    let count = 0;
    while (count < BATCH) {
      const length = this.libc.read(this.fd, memory.bytes, LARGEST_READ);
      if (length <= OFFLOAD_HEADER) break;
      header.read(memory.view, 0);
      this.#splitter.begin(frame, this.#packet, OFFLOAD_HEADER, length - OFFLOAD_HEADER, 0, header);
      while (!frame.isFinished) count += this.#splitter.next(frame, onPacket);
    }
    return count;
  }

  send(packet: Uint8Array, length: number): void {
    if (this.hasOffloads) this.#joiner.add(packet, length);
    else if (this.libc.write(this.fd, packet, length) !== length) this.refused++;
  }

  /** Hands up what waits for segments that follow on it. */
  flush(): void {
    if (this.hasOffloads) this.#joiner.flush();
  }

  close(): void {
    this.libc.close(this.fd);
  }
}
