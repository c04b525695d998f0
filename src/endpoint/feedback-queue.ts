/** Path ids are from 1 up to below this. */
const IDS = 0x10000;
const FEWEST = 8;

/**
 * Which rows of Table 5 have a sample to feed back, by path id: the one of the lowest turn comes first. A binary heap of
 * numbers that hold turn and id, so that the order is kept without a look at the rows: a packet costs the logarithm of
 * their number, in one place of memory.
 */
export class FeedbackQueue {
  #heap = new Float64Array(FEWEST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a path, which must not be there; `turn` is a whole number from -2^36 up to 2^36. */
  add(turn: number, pathId: number): void {
    if (this.#size === this.#heap.length) {
      const larger = new Float64Array(2 * this.#size);
      larger.set(this.#heap);
      this.#heap = larger;
    }
    this.#rise(turn * IDS + pathId, this.#size++);
  }

  /** Takes a path out, wherever it is; `turn` is that with which it was added. */
  remove(turn: number, pathId: number): void {
    const place = this.#heap.subarray(0, this.#size).indexOf(turn * IDS + pathId);
    if (place >= 0) this.#removeAt(place);
  }

  /** The first path; 0 when there is none. */
  get first(): number {
    return this.#size === 0 ? 0 : idOf(this.#heap[0]!);
  }

  /** Takes the first path out; 0 when there is none. */
  take(): number {
    if (this.#size === 0) return 0;
    const first = this.#heap[0]!;
    this.#removeAt(0);
    return idOf(first);
  }

  clear(): void {
    this.#size = 0;
  }

  #removeAt(place: number): void {
    const last = this.#heap[--this.#size]!;
    if (place === this.#size) return;
    if (place > 0 && last < this.#heap[(place - 1) >> 1]!) this.#rise(last, place);
    else this.#sink(last, place);
  }

  /** Puts `key` at `place` or nearer to the front. */
  #rise(key: number, place: number): void {
    const heap = this.#heap;
    let at = place;
    while (at > 0) {
      const parent = heap[(at - 1) >> 1]!;
      if (parent < key) break;
      heap[at] = parent;
      at = (at - 1) >> 1;
    }
    heap[at] = key;
  }

  /** Puts `key` at `place` or further back when others come first. */
  #sink(key: number, place: number): void {
    const heap = this.#heap;
    const size = this.#size;
    let at = place;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++;
      if (key < heap[child]!) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = key;
  }
}

function idOf(key: number): number {
  return key - Math.floor(key / IDS) * IDS;
}
