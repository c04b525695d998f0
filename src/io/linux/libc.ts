import { createRequire } from 'node:module';
import { constants as osConstants } from 'node:os';

type Koffi = typeof import('koffi').default;

/** Octets outside V8's heap: the kernel is given their address, which never moves. */
export interface NativeMemory {
  readonly pointer: unknown;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Something the host's kernel was asked for failed. `code` is the system's (`EPERM`, `EBUSY`, …). */
export class HostError extends Error {
  override readonly name = 'HostError';

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A descriptor that is watched while it is started. */
export interface Watch {
  start(): void;
  stop(): void;
  close(): void;
}

const LITTLE_ENDIAN_64 = ['x64', 'arm64', 'riscv64'];
// Of two names of one number the first counts: EAGAIN, not EWOULDBLOCK.
const names = new Map(
  Object.entries(osConstants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/**
 * The few functions of the C library that packet input and output needs. koffi is loaded with the first call of
 * `libc()`, so that nothing else of the toolkit depends on its binary.
 */
export class Libc {
  readonly open: (path: string, flags: number) => number;
  readonly close: (fd: number) => number;
  readonly ioctl: (fd: number, request: number, argument: unknown) => number;
  /** `ioctl` of a request whose argument is a number, not an address. */
  readonly ioctlNumber: (fd: number, request: number, argument: number) => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number;
  /** `value` is filled; `length`: its size, 4 octets, and what of it was used. */
  readonly getsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number;
  readonly read: (fd: number, into: unknown, length: number) => number;
  readonly write: (fd: number, from: unknown, length: number) => number;
  readonly recvmmsg: (fd: number, messages: unknown, count: number, flags: number, timeout: null) => number;
  readonly sendmmsg: (fd: number, messages: unknown, count: number, flags: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  readonly sendto: (
    fd: number,
    from: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ) => number;
  readonly flock: (fd: number, operation: number) => number;
  /** `ppoll` without a signal mask; blocks the process. `timeout`: seconds and nanoseconds, 8 octets each. */
  readonly ppoll: (descriptors: Uint8Array, count: number, timeout: Uint8Array, mask: null) => number;
  readonly clockGettime: (clock: number, into: Uint8Array) => number;
  readonly prctl: (option: number, argument: number) => number;
  readonly ifNameToIndex: (name: string) => number;

  /** struct timespec */
  readonly #time = new Uint8Array(16);
  readonly #timeView = new DataView(this.#time.buffer);

  constructor(private readonly koffi: Koffi) {
    const library = koffi.load(null);
    this.open = library.func('int open(const char *, int)') as never;
    this.close = library.func('int close(int)') as never;
    this.ioctl = library.func('int ioctl(int, ulong, void *)') as never;
    this.ioctlNumber = library.func('int ioctl(int, ulong, ulong)') as never;
    this.socket = library.func('int socket(int, int, int)') as never;
    this.bind = library.func('int bind(int, const void *, uint)') as never;
    this.setsockopt = library.func('int setsockopt(int, int, int, const void *, uint)') as never;
    this.getsockopt = library.func('int getsockopt(int, int, int, void *, void *)') as never;
    this.read = library.func('long read(int, void *, size_t)') as never;
    this.write = library.func('long write(int, const void *, size_t)') as never;
    this.recvmmsg = library.func('int recvmmsg(int, void *, uint, int, void *)') as never;
    this.sendmmsg = library.func('int sendmmsg(int, void *, uint, int)') as never;
    this.listen = library.func('int listen(int, int)') as never;
    this.sendto = library.func('long sendto(int, const void *, size_t, int, const void *, uint)') as never;
    this.flock = library.func('int flock(int, int)') as never;
    this.ppoll = library.func('int ppoll(void *, ulong, const void *, const void *)') as never;
    this.clockGettime = library.func('int clock_gettime(int, void *)') as never;
    this.prctl = library.func('int prctl(int, ulong)') as never;
    this.ifNameToIndex = library.func('uint if_nametoindex(const char *)') as never;
  }

  /** The kernel's wall clock (CLOCK_REALTIME), which times of packets are of: microseconds since 1970. */
  wallClock(): number {
    this.clockGettime(0, this.#time);
    return Number(this.#timeView.getBigInt64(0, true)) * 1_000_000 + Number(this.#timeView.getBigInt64(8, true)) / 1000;
  }

  /** The name of the last error, such as `EAGAIN`. Ask at once after the call that failed. */
  errorName(): string {
    const number = this.koffi.errno();
    return names.get(number) ?? `error ${number}`;
  }

  /** @throws HostError when `result` is negative; `doing` completes "… failed". */
  check(result: number, doing: string, advice: string): number {
    if (result >= 0) return result;
    const code = this.errorName();
    const why = code === 'EPERM' || code === 'EACCES' ? 'run it as root or with CAP_NET_ADMIN and CAP_NET_RAW' : advice;
    throw new HostError(code, `${doing} failed (${code}): ${why}.`);
  }

  /** Memory for the kernel, zeroed; kept until `free`, or the process ends. */
  allocate(size: number): NativeMemory {
    const pointer: unknown = this.koffi.alloc('uint8_t', size);
    const buffer = this.koffi.view(pointer, size);
    const bytes = new Uint8Array(buffer).fill(0);
    return { pointer, address: BigInt(this.koffi.address(pointer)), bytes, view: new DataView(buffer) };
  }

  /** Gives memory back; nothing may look at its octets any more. */
  free(memory: NativeMemory): void {
    this.koffi.free(memory.pointer as never);
  }

  /** Where the octets of an array that never moves are, as the kernel counts. */
  addressOf(bytes: Uint8Array): bigint {
    return BigInt(this.koffi.address(bytes as never));
  }

  /**
   * Calls `onReadable` from the event loop while `fd` has something to read. What it throws becomes an uncaught exception
   * of the process. @returns how to stop.
   */
  watch(fd: number, onReadable: () => void): () => void {
    const watch = this.watcher(fd, 'readable', onReadable);
    watch.start();
    return () => watch.close();
  }

  /** The same for one of two events, to be started and stopped at will; it is stopped at first. */
  watcher(fd: number, event: 'readable' | 'writable', onReady: () => void): Watch {
    const options = { [event]: true };
    let isOn = false;
    const onEvent = (status: number) => {
      // libuv stops watching at an error of the descriptor; it passes (an interface that went down, say).
      if (status < 0 && isOn) handle.start(options, onEvent as never);
      try {
        if (isOn) onReady();
      } catch (error) {
        // Thrown from here it would stay pending in native code, and abort the process at the next garbage collection.
        setImmediate(() => {
          throw error;
        });
      }
    };
    const handle = this.koffi.node.poll(fd, options, onEvent as never);
    handle.stop();
    return {
      start: () => {
        if (!isOn) handle.start(options, onEvent as never);
        isOn = true;
      },
      stop: () => {
        if (isOn) handle.stop();
        isOn = false;
      },
      close: () => {
        isOn = false;
        handle.close();
      },
    };
  }
}

let loaded: Libc | undefined;

/**
 * The C library.
 * @throws HostError where it cannot be called this way (not Linux, a processor of another word size or octet order).
 */
export function libc(): Libc {
  if (loaded !== undefined) return loaded;
  if (process.platform !== 'linux' || !LITTLE_ENDIAN_64.includes(process.arch))
    throw new HostError(
      'ENOTSUP',
      `Packets of the local kernel can be carried on Linux on ${LITTLE_ENDIAN_64.join(', ')} only, not on ${process.platform} ${process.arch}; use --address instead.`,
    );
  try {
    loaded = new Libc(createRequire(import.meta.url)('koffi') as Koffi);
  } catch (error) {
    throw new HostError(
      'ENOTSUP',
      `The package koffi cannot be loaded (${(error as Error).message.split('\n')[0]}); install mpip again with its optional packages.`,
    );
  }
  return loaded;
}
