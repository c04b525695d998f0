/** Octets kept; a power of two. */
const SIZE = 32 << 20;
/** Places in the control words: octets ever put in and taken out, modulo 2^32. */
const HEAD = 0;
const TAIL = 1;

/**
 * A ring of octets between two threads: one puts in and never waits, the other takes out. The thread that puts in need not
 * return to its event loop in between.
 */
export class OctetRing {
  readonly #control: Int32Array;
  readonly #octets: Uint8Array;

  /** @param memory of the ring in the other thread. */
  constructor(readonly memory = new SharedArrayBuffer(16 + SIZE)) {
    this.#control = new Int32Array(memory, 0, 4);
    this.#octets = new Uint8Array(memory, 16);
  }

  /** Puts in all pieces or, where there is no room, none. @returns whether it did. */
  put(...pieces: readonly Uint8Array[]): boolean {
    const control = this.#control;
    let head = control[HEAD]!;
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (((head - Atomics.load(control, TAIL)) >>> 0) + length > SIZE) return false;
    for (const piece of pieces) {
      const at = head & (SIZE - 1);
      const first = Math.min(piece.length, SIZE - at);
      this.#octets.set(first === piece.length ? piece : piece.subarray(0, first), at);
      if (first < piece.length) this.#octets.set(piece.subarray(first), 0);
      head = (head + piece.length) | 0;
    }
    Atomics.store(control, HEAD, head);
    Atomics.notify(control, HEAD);
    return true;
  }

  /** Waits until there is something, and gives what fits in `buffer` to `write`; there is room for more when that returns. */
  take(buffer: Uint8Array, write: (octets: Uint8Array) => void): void {
    const control = this.#control;
    const tail = control[TAIL]!;
    Atomics.wait(control, HEAD, tail);
    const at = tail & (SIZE - 1);
    const length = Math.min((Atomics.load(control, HEAD) - tail) >>> 0, SIZE - at, buffer.length);
    buffer.set(this.#octets.subarray(at, at + length));
    write(buffer.subarray(0, length));
    Atomics.store(control, TAIL, (tail + length) | 0);
    Atomics.notify(control, TAIL);
  }

  /** Waits, the thread that puts in, until everything was taken. */
  waitUntilEmpty(): void {
    const control = this.#control;
    for (let tail = Atomics.load(control, TAIL); tail !== control[HEAD]; tail = Atomics.load(control, TAIL))
      Atomics.wait(control, TAIL, tail);
  }
}
