import { addressOfKey, type Ipv4, portOfKey } from '../codec/index.js';
import { PairTable } from './pair-table.js';

/**
 * A map by address and port, in the order of insertion. Keys of 48 bits are numbers that the engine keeps on the heap, so
 * that a look-up in a plain map costs several times that of a small integer; rows are found in a table beside it, by
 * address and port, without a key.
 */
export class AddressMap<V extends object | number> implements ReadonlyMap<number, V> {
  readonly #rows = new Map<number, V>();
  readonly #places = new PairTable<V>();

  get size(): number {
    return this.#rows.size;
  }

  /** The value at an address and port. */
  at(address: Ipv4, port: number): V | undefined {
    return this.#places.get(address, port);
  }

  /** The value at `key`, which is an `addressKey`. */
  get(key: number): V | undefined {
    return this.at(addressOfKey(key), portOfKey(key));
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  set(key: number, value: V): this {
    this.#rows.set(key, value);
    this.#places.set(addressOfKey(key), portOfKey(key), value);
    return this;
  }

  delete(key: number): boolean {
    this.#places.delete(addressOfKey(key), portOfKey(key));
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
}
