/**
 * Places at first, as a power of two; there are always twice as many as rows. The engine makes so few without memory of their own,
 * and many a node never needs more.
 */
const FEWEST_BITS = 3;
/** Places looked at for one row: beyond that it is kept beside the table, so that no choice of names makes runs long. */
const MOST_STEPS = 16;

/**
 * An open hash table: rows are named by two numbers, of which 32 bits each count, and found next to where they are looked
 * for first, in one place of memory. A large plain map costs several times that, the more where the engine keeps its keys
 * on the heap.
 */
export class PairTable<V extends object | number> {
  #bits = FEWEST_BITS;
  /** Both numbers of each place, side by side. */
  #names = new Int32Array(2 << FEWEST_BITS);
  #values: (V | undefined)[] = new Array(1 << FEWEST_BITS).fill(undefined);
  #placed = 0;
  /** Rows that found no place, by one number and the other. */
  readonly #unplaced = new Map<number, Map<number, V>>();

  /** The value of a row. */
  get(a: number, b: number): V | undefined {
    const place = this.#find(a, b);
    if (place >= 0) return this.#values[place];
    return this.#unplaced.size > 0 ? this.#unplaced.get(a | 0)?.get(b | 0) : undefined;
  }

  set(a: number, b: number, value: V): void {
    const place = this.#find(a, b);
    if (place >= 0) this.#values[place] = value;
    else if (this.#unplaced.get(a | 0)?.has(b | 0)) this.#unplaced.get(a | 0)!.set(b | 0, value);
    else {
      if (2 * (this.#placed + 1) > this.#values.length) this.#grow();
      this.#place(a | 0, b | 0, value);
    }
  }

  /** Removes a row; false when there was none. */
  delete(a: number, b: number): boolean {
    const place = this.#find(a, b);
    if (place >= 0) {
      this.#vacate(place);
      return true;
    }
    const rest = this.#unplaced.get(a | 0);
    const wasThere = rest?.delete(b | 0) ?? false;
    if (rest?.size === 0) this.#unplaced.delete(a | 0);
    return wasThere;
  }

  /** True when no row is left. */
  get isEmpty(): boolean {
    return this.#placed === 0 && this.#unplaced.size === 0;
  }

  /** The place of a row; -1 when it has none. */
  #find(a: number, b: number): number {
    const names = this.#names;
    const mask = this.#values.length - 1;
    let place = this.#home(a, b);
    for (let step = 0; step < MOST_STEPS; step++) {
      if (this.#values[place] === undefined) return -1;
      if (names[2 * place] === (a | 0) && names[2 * place + 1] === (b | 0)) return place;
      place = (place + 1) & mask;
    }
    return -1;
  }

  #place(a: number, b: number, value: V): void {
    const mask = this.#values.length - 1;
    let place = this.#home(a, b);
    for (let step = 0; step < MOST_STEPS; step++) {
      if (this.#values[place] === undefined) {
        this.#put(place, a, b, value);
        this.#placed++;
        return;
      }
      place = (place + 1) & mask;
    }
    const rest = this.#unplaced.get(a);
    if (rest === undefined) this.#unplaced.set(a, new Map([[b, value]]));
    else rest.set(b, value);
  }

  #put(place: number, a: number, b: number, value: V): void {
    this.#names[2 * place] = a;
    this.#names[2 * place + 1] = b;
    this.#values[place] = value;
  }

  /** Empties a place. Rows behind it that would not be found any more move up. */
  #vacate(place: number): void {
    const names = this.#names;
    const mask = this.#values.length - 1;
    this.#placed--;
    let hole = place;
    let at = (hole + 1) & mask;
    for (let value = this.#values[at]; value !== undefined; value = this.#values[at]) {
      // No row is further from where it is looked for first.
      if (((at - hole) & mask) >= MOST_STEPS) break;
      const [a, b] = [names[2 * at]!, names[2 * at + 1]!];
      if (((at - this.#home(a, b)) & mask) >= ((at - hole) & mask)) {
        this.#put(hole, a, b, value);
        hole = at;
      }
      at = (at + 1) & mask;
    }
    this.#values[hole] = undefined;
  }

  #grow(): void {
    const [names, values] = [this.#names, this.#values];
    const unplaced = [...this.#unplaced];
    this.#bits++;
    this.#names = new Int32Array(2 << this.#bits);
    this.#values = new Array(1 << this.#bits).fill(undefined);
    this.#placed = 0;
    this.#unplaced.clear();
    for (const [place, value] of values.entries())
      if (value !== undefined) this.#place(names[2 * place]!, names[2 * place + 1]!, value);
    for (const [a, rest] of unplaced) for (const [b, value] of rest) this.#place(a, b, value);
  }

  /** Where a row is looked for first. */
  #home(a: number, b: number): number {
    return Math.imul(Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b), 0xc2b2ae35) >>> (32 - this.#bits);
  }
}
