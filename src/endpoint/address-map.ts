import { addressKey, type Ipv4 } from '../codec/index.js';

/** Places of the rows used last, as a power of two: at first, and at most. */
const FEWEST_BITS = 8;
const MOST_BITS = 18;

/**
 * A map by address and port, in the order of insertion. Keys of 48 bits are numbers that the engine keeps on the heap, so
 * that a look-up costs several times that of a small integer, and touches more memory than caches hold of a large table:
 * the rows used last are found without one. There are twice as many places as rows.
 */
export class AddressMap<V> implements ReadonlyMap<number, V> {
  readonly #rows = new Map<number, V>();
  #bits = FEWEST_BITS;
  /** Address and port of each place, side by side. */
  #names = new Int32Array(2 << FEWEST_BITS);
  #values: (V | undefined)[] = new Array(1 << FEWEST_BITS).fill(undefined);

  get size(): number {
    return this.#rows.size;
  }

  /** The value at an address and port. */
  at(address: Ipv4, port: number): V | undefined {
    const place = this.#placeOf(address, port);
    if (this.#names[2 * place] === (address | 0) && this.#names[2 * place + 1] === port) {
      const value = this.#values[place];
      if (value !== undefined) return value;
    }
    const value = this.#rows.get(addressKey(address, port));
    this.#names[2 * place] = address;
    this.#names[2 * place + 1] = port;
    this.#values[place] = value;
    return value;
  }

  /** The value at `key`, which is an `addressKey`. */
  get(key: number): V | undefined {
    return this.#rows.get(key);
  }

  has(key: number): boolean {
    return this.#rows.has(key);
  }

  set(key: number, value: V): this {
    this.#forget(key);
    this.#rows.set(key, value);
    if (this.#rows.size > 1 << (this.#bits - 1) && this.#bits < MOST_BITS) this.#grow();
    return this;
  }

  delete(key: number): boolean {
    this.#forget(key);
    return this.#rows.delete(key);
  }

  keys(): IterableIterator<number> {
    return this.#rows.keys();
  }

  values(): IterableIterator<V> {
    return this.#rows.values();
  }

  entries(): IterableIterator<[number, V]> {
    return this.#rows.entries();
  }

  [Symbol.iterator](): IterableIterator<[number, V]> {
    return this.#rows.entries();
  }

  forEach(callback: (value: V, key: number, map: ReadonlyMap<number, V>) => void): void {
    for (const [key, value] of this.#rows) callback(value, key, this);
  }

  #forget(key: number): void {
    this.#values[this.#placeOf(Math.floor(key / 0x10000), key % 0x10000)] = undefined;
  }

  #grow(): void {
    this.#bits++;
    this.#names = new Int32Array(2 << this.#bits);
    this.#values = new Array(1 << this.#bits).fill(undefined);
  }

  /** Where the row of an address and port is noted while it is in use. */
  #placeOf(address: Ipv4, port: number): number {
    return Math.imul(Math.imul(address, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b), 0xc2b2ae35) >>> (32 - this.#bits);
  }
}
