import { type Libc, libc } from './libc.js';

const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SIOCOUTQ = 0x5411;
const LEAST = 10 * 1024;
const MOST = 8 * 1024 * 1024;
const FIRST = 64 * 1024;
/** How long what a socket holds should take to leave, microseconds. */
const TARGET = 8_000;

/**
 * How much a socket may hold that its interface has not sent yet. The kernel says when the buffer is full, and when it is
 * half empty again; from that the rate of the interface is known, and the buffer is made as large as the interface sends in
 * 8 ms: more would only be delay or, where the interface's own queue is shorter, loss. One that is found empty was too
 * small. Sizes are the kernel's: a packet of 1500 octets counts for 2304.
 */
export class SendBuffer {
  #size = 0;
  /** Octets a microsecond that leave. */
  #rate = 0;
  #fullSince = 0;
  readonly #answer = new Uint8Array(4);

  constructor(
    private readonly fd: number,
    private readonly c: Libc = libc(),
  ) {
    this.#resize(FIRST);
  }

  /** Octets that the socket may hold. */
  get size(): number {
    return this.#size;
  }

  /** How long a full one takes to leave, microseconds; 0 while that is not known. */
  get micros(): number {
    return this.#rate === 0 ? 0 : this.#size / this.#rate;
  }

  /** The kernel refused a packet at `now`, microseconds. */
  filled(now: number): void {
    this.#fullSince = now;
  }

  /** The kernel takes packets again. */
  drained(now: number): void {
    const left = this.#held();
    if (left === 0) {
      // Empty before anybody noticed: it was too small, and how fast it was sent is not known.
      const most = this.#rate === 0 ? MOST : 2 * this.#rate * TARGET;
      this.#resize(Math.min(most, this.#size + this.#size / 4));
      return;
    }
    const rate = (this.#size - left) / Math.max(1, now - this.#fullSince);
    if (this.#rate === 0) this.#rate = rate;
    else this.#rate += (Math.min(rate, 2 * this.#rate) - this.#rate) / 8;
    this.#resize(this.#rate * TARGET);
  }

  /** Octets that are in it. */
  #held(): number {
    if (this.c.ioctl(this.fd, SIOCOUTQ, this.#answer) < 0) return 0;
    return new DataView(this.#answer.buffer).getInt32(0, true);
  }

  /** Without privilege the buffer stays as it was. */
  #resize(wanted: number): void {
    const size = Math.round(Math.max(LEAST, Math.min(MOST, wanted)));
    if (Math.abs(size - this.#size) < this.#size / 16) return;
    this.#size = size;
    // The kernel doubles what it is told.
    const value = new Uint8Array(Uint32Array.of(size >> 1).buffer);
    this.c.setsockopt(this.fd, SOL_SOCKET, SO_SNDBUFFORCE, value, 4);
  }
}
