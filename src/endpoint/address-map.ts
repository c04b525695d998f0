import { addressKey, type Ipv4 } from '../codec/index.js';

/** Places of the rows used last; a power of two. */
const RECENT = 256;

/**
 * A map by address and port, in the order of insertion. Keys of 48 bits are numbers that the engine keeps on the heap, so
 * that a look-up costs several times that of a small integer: the rows used last are found without one.
 */
export class AddressMap<V> implements ReadonlyMap<number, V> {
  readonly #rows = new Map<number, V>();
  readonly #addresses = new Int32Array(RECENT);
  readonly #ports = new Int32Array(RECENT);
  readonly #values: (V | undefined)[] = new Array(RECENT).fill(undefined);

  get size(): number {
    return this.#rows.size;
  }

  /** The value at an address and port. */
  at(address: Ipv4, port: number): V | undefined {
    const place = placeOf(address, port);
    if (this.#addresses[place] === (address | 0) && this.#ports[place] === port) {
      const value = this.#values[place];
      if (value !== undefined) return value;
    }
    const value = this.#rows.get(addressKey(address, port));
    this.#addresses[place] = address;
    this.#ports[place] = port;
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
    this.#values[placeOf(Math.floor(key / 0x10000), key % 0x10000)] = undefined;
  }
}

/** Where the row of an address and port is noted while it is in use. */
function placeOf(address: Ipv4, port: number): number {
  return (Math.imul(address, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b)) >>> 24;
}
