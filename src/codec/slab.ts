import { part } from './bytes.js';

const CHUNK = 1 << 16;
/** Longer arrays get memory of their own. */
const LONGEST = 1 << 12;

/**
 * Many small arrays of octets in few pieces of memory: an engine makes an array of its own memory, where it is longer than 64
 * octets, twenty times slower. The
 * arrays never overlap; a piece is kept as long as one of its arrays is.
 */
export class Slab {
  #chunk = new Uint8Array(0);
  #used = 0;

  /** A new array of zeros. */
  take(length: number): Uint8Array {
    if (length > LONGEST) return new Uint8Array(length);
    if (this.#used + length > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used = at + length;
    return part(this.#chunk, at, at + length);
  }

  /** A copy of an array. */
  copy(octets: Uint8Array): Uint8Array {
    const copy = this.take(octets.length);
    copy.set(octets);
    return copy;
  }
}
