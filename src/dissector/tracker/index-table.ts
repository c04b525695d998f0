/** A slot whose record went: a search goes on beyond it. */
const GONE = -1;

/**
 * Finds records by a key of three 32-bit integers: an open-addressing table, because a look-up stands on the way of every packet. It
 * holds the records' indices only; the key of a record is read from the record.
 */
export class IndexTable {
  /** Indices plus 1; 0 = unused. */
  #slots = new Int32Array(256);
  /** Slots that are not 0. */
  #used = 0;

  /**
   * @param hasKey says whether a record has a key
   * @param hashOf is {@link hashKey} of a record's key
   */
  constructor(
    private readonly hasKey: (index: number, a: number, b: number, c: number) => boolean,
    private readonly hashOf: (index: number) => number,
  ) {}

  /** The record with a key, or -1. */
  get(a: number, b: number, c: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hashKey(a, b, c) & mask; ; at = (at + 1) & mask) {
      const slot = slots[at]!;
      if (slot === 0) return -1;
      if (slot !== GONE && this.hasKey(slot - 1, a, b, c)) return slot - 1;
    }
  }

  /** Adds a record, in the place of one with the same key. The keys of records in the table must not change. */
  set(a: number, b: number, c: number, index: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hashKey(a, b, c) & mask; ; at = (at + 1) & mask) {
      const slot = slots[at]!;
      if (slot !== 0 && (slot === GONE || !this.hasKey(slot - 1, a, b, c))) continue;
      slots[at] = index + 1;
      if (slot === 0 && ++this.#used * 4 > slots.length * 3) this.#rebuild();
      return;
    }
  }

  /** Takes the record with a key out. */
  delete(a: number, b: number, c: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hashKey(a, b, c) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      if (slots[at] === GONE || !this.hasKey(slots[at]! - 1, a, b, c)) continue;
      slots[at] = GONE;
      return;
    }
  }

  /** Leaves out what went, and doubles the room when it is still needed. */
  #rebuild(): void {
    const old = this.#slots;
    const live = old.reduce((count, slot) => (slot > 0 ? count + 1 : count), 0);
    const slots = new Int32Array(live * 2 > old.length ? old.length * 2 : old.length);
    const mask = slots.length - 1;
    for (const slot of old) {
      if (slot <= 0) continue;
      let at = this.hashOf(slot - 1) & mask;
      while (slots[at] !== 0) at = (at + 1) & mask;
      slots[at] = slot;
    }
    this.#slots = slots;
    this.#used = live;
  }
}

/** The hash of a key. */
export function hashKey(a: number, b: number, c: number): number {
  const hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b), 0xc2b2ae35);
  return hash ^ (hash >>> 15);
}
