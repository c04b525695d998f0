import type { FeedbackRow } from './feedback.js';

/**
 * The rows of Table 5 with a sample to feed back, the one that was fed back longest ago first; of those fed back at the
 * same time the one that came first then, of those never fed back the one that is older. A binary heap: a packet costs the logarithm of the rows, not their number.
 */
export class FeedbackQueue {
  readonly #heap: FeedbackRow[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Adds a row; one that waits already keeps its place. */
  add(row: FeedbackRow): void {
    if (row.place >= 0) return;
    this.#heap.push(row);
    this.#rise(row, this.#heap.length - 1);
  }

  /** Takes a row out, wherever it is. */
  remove(row: FeedbackRow): void {
    const { place } = row;
    if (place < 0) return;
    row.place = -1;
    const last = this.#heap.pop()!;
    if (last === row) return;
    this.#rise(last, place);
    this.#sink(last, last.place);
  }

  /** Takes the first row out. */
  take(): FeedbackRow | undefined {
    const first = this.#heap[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  clear(): void {
    for (const row of this.#heap) row.place = -1;
    this.#heap.length = 0;
  }

  /** Puts `row` at `place` or nearer to the front. */
  #rise(row: FeedbackRow, place: number): void {
    const heap = this.#heap;
    let at = place;
    while (at > 0) {
      const parent = heap[(at - 1) >> 1]!;
      if (!isBefore(row, parent)) break;
      heap[at] = parent;
      parent.place = at;
      at = (at - 1) >> 1;
    }
    heap[at] = row;
    row.place = at;
  }

  /** Puts `row`, which is at `place`, further back when others come first. */
  #sink(row: FeedbackRow, place: number): void {
    const heap = this.#heap;
    let at = place;
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      const next = heap[child]!;
      if (!isBefore(next, row)) break;
      heap[at] = next;
      next.place = at;
      at = child;
    }
    heap[at] = row;
    row.place = at;
  }
}

function isBefore(a: FeedbackRow, b: FeedbackRow): boolean {
  return a.feedbackTime < b.feedbackTime || (a.feedbackTime === b.feedbackTime && a.order < b.order);
}
