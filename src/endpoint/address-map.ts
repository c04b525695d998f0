import { addressKey, type Ipv4 } from '../codec/index.js';

/** Places at first, as a power of two; there are always twice as many as rows. */
const FEWEST_BITS = 5;
/** Places looked at for one row: beyond that only the plain map has it, so that no choice of addresses makes runs long. */
const MOST_STEPS = 16;

/**
 * A map by address and port, in the order of insertion. Keys of 48 bits are numbers that the engine keeps on the heap, so
 * that a look-up in a plain map costs several times that of a small integer, and touches more memory than caches hold of
 * a large table. Rows are found in an open hash table beside it: by address and port, without a key, and next to where
 * they are looked for first.
 */
export class AddressMap<V extends object | number> implements ReadonlyMap<number, V> {
  readonly #rows = new Map<number, V>();
  #bits = FEWEST_BITS;
  /** Address and port of each place, side by side. */
  #names = new Int32Array(2 << FEWEST_BITS);
  #values: (V | undefined)[] = new Array(1 << FEWEST_BITS).fill(undefined);
  /** Rows that found no place. */
  #unplaced = 0;

  get size(): number {
    return this.#rows.size;
  }

  /** The value at an address and port. */
  at(address: Ipv4, port: number): V | undefined {
    const place = this.#find(address, port);
    if (place >= 0) return this.#values[place];
    return this.#unplaced > 0 ? this.#rows.get(addressKey(address, port)) : undefined;
  }

  /** The value at `key`, which is an `addressKey`. */
  get(key: number): V | undefined {
    return this.#rows.get(key);
  }

  has(key: number): boolean {
    return this.#rows.has(key);
  }

  set(key: number, value: V): this {
    const isNew = !this.#rows.has(key);
    this.#rows.set(key, value);
    const place = this.#find(addressOf(key), portOf(key));
    if (place >= 0) this.#values[place] = value;
    else if (isNew && 2 * this.#rows.size > this.#values.length) this.#grow();
    else if (isNew) this.#place(key, value);
    return this;
  }

  delete(key: number): boolean {
    const place = this.#find(addressOf(key), portOf(key));
    const wasThere = this.#rows.delete(key);
    if (place >= 0) this.#vacate(place);
    else if (wasThere) this.#unplaced--;
    return wasThere;
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

  /** The place of a row; -1 when it has none. */
  #find(address: Ipv4, port: number): number {
    const names = this.#names;
    const mask = this.#values.length - 1;
    let place = this.#home(address, port);
    for (let step = 0; step < MOST_STEPS; step++) {
      if (this.#values[place] === undefined) return -1;
      if (names[2 * place] === (address | 0) && names[2 * place + 1] === port) return place;
      place = (place + 1) & mask;
    }
    return -1;
  }

  #place(key: number, value: V): void {
    const mask = this.#values.length - 1;
    let place = this.#home(addressOf(key), portOf(key));
    for (let step = 0; step < MOST_STEPS; step++) {
      if (this.#values[place] === undefined) {
        this.#put(place, addressOf(key), portOf(key), value);
        return;
      }
      place = (place + 1) & mask;
    }
    this.#unplaced++;
  }

  #put(place: number, address: number, port: number, value: V): void {
    this.#names[2 * place] = address;
    this.#names[2 * place + 1] = port;
    this.#values[place] = value;
  }

  /** Empties a place. Rows behind it that would not be found any more move up. */
  #vacate(place: number): void {
    const names = this.#names;
    const mask = this.#values.length - 1;
    let hole = place;
    let at = (hole + 1) & mask;
    for (let value = this.#values[at]; value !== undefined; value = this.#values[at]) {
      // No row is further from where it is looked for first.
      if (((at - hole) & mask) >= MOST_STEPS) break;
      const [address, port] = [names[2 * at]!, names[2 * at + 1]!];
      if (((at - this.#home(address, port)) & mask) >= ((at - hole) & mask)) {
        this.#put(hole, address, port, value);
        hole = at;
      }
      at = (at + 1) & mask;
    }
    this.#values[hole] = undefined;
  }

  #grow(): void {
    this.#bits++;
    this.#names = new Int32Array(2 << this.#bits);
    this.#values = new Array(1 << this.#bits).fill(undefined);
    this.#unplaced = 0;
    for (const [key, value] of this.#rows) this.#place(key, value);
  }

  /** Where a row is looked for first. */
  #home(address: Ipv4, port: number): number {
    return Math.imul(Math.imul(address, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b), 0xc2b2ae35) >>> (32 - this.#bits);
  }
}

function addressOf(key: number): Ipv4 {
  return Math.floor(key / 0x10000);
}

function portOf(key: number): number {
  return key % 0x10000;
}
