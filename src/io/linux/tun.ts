import { HostError, type Libc, libc, type NativeMemory } from './libc.js';
import { BATCH, type OnPacket, type PacketSink, type PacketSource } from './packet-link.js';

const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const IFF_TUN_NO_PI = 0x0001 | 0x1000;
const IFREQ_SIZE = 40;
const NAME_SIZE = 16;

/** A TUN device: whole IP packets of the local stack come out of it, and what is written to it goes up to the stack. */
export class TunDevice implements PacketSource, PacketSink {
  refused = 0;
  readonly #memory: NativeMemory;

  private constructor(
    private readonly libc: Libc,
    readonly fd: number,
    /** The name that the kernel gave it. */
    readonly name: string,
  ) {
    this.#memory = libc.allocate(65536);
  }

  /**
   * Makes a device; it vanishes, with the routes that lead to it, when the process ends.
   * @param pattern its name; `%d` stands for the first free number.
   * @throws HostError
   */
  static open(pattern: string): TunDevice {
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
    request[NAME_SIZE] = IFF_TUN_NO_PI & 255;
    request[NAME_SIZE + 1] = IFF_TUN_NO_PI >>> 8;
    try {
      c.check(c.ioctl(fd, TUNSETIFF, request), `Making the TUN device ${pattern}`, 'choose another name');
    } catch (error) {
      c.close(fd);
      throw error;
    }
    return new TunDevice(c, fd, new TextDecoder().decode(request.subarray(0, request.indexOf(0))));
  }

  receive(onPacket: OnPacket): number {
    const { bytes, pointer } = this.#memory;
    let count = 0;
    for (; count < BATCH; count++) {
      const length = this.libc.read(this.fd, pointer, bytes.length);
      if (length <= 0) break;
      onPacket(bytes, length);
    }
    return count;
  }

  send(packet: Uint8Array, length: number): void {
    if (this.libc.write(this.fd, packet, length) !== length) this.refused++;
  }

  /** Nothing to do: a packet goes up as it is written. */
  flush(): void {}

  close(): void {
    this.libc.close(this.fd);
  }
}
