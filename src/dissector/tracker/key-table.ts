/** Words of a slot: three of the key, and the value plus 1 (0 = slot unused). */
const WIDTH = 4;

/** A map from three 32-bit integers to an index: an open-addressing table, because a look-up stands on the way of every packet. */
export class KeyTable {
  #slots = new Int32Array(WIDTH * 256);
  #count = 0;

  /** The value of a key; -1 when it has none. */
  get(a: number, b: number, c: number): number {
    return this.#slots[this.#find(a, b, c) + 3]! - 1;
  }

  /** @param value an index, or -1 to say that there is none any more */
  set(a: number, b: number, c: number, value: number): void {
    const at = this.#find(a, b, c);
    const slots = this.#slots;
    if (slots[at + 3] === 0 && slots[at] === 0 && slots[at + 1] === 0 && slots[at + 2] === 0) this.#count++;
    slots[at] = a;
    slots[at + 1] = b;
    slots[at + 2] = c;
    slots[at + 3] = value + 1;
    if (this.#count * 2 * WIDTH > slots.length) this.#grow();
  }

  /** Where the key stands, or the unused slot where it would. A key whose value went keeps its slot. */
  #find(a: number, b: number, c: number): number {
    const slots = this.#slots;
    const mask = slots.length - WIDTH;
    let hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b), 0xc2b2ae35);
    hash ^= hash >>> 15;
    let at = (hash << 2) & mask;
    for (;;) {
      if (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c) return at;
      if (slots[at + 3] === 0 && slots[at] === 0 && slots[at + 1] === 0 && slots[at + 2] === 0) return at;
      at = (at + WIDTH) & mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    this.#count = 0;
    for (let from = 0; from < old.length; from += WIDTH) {
      if (old[from + 3] !== 0) this.set(old[from]!, old[from + 1]!, old[from + 2]!, old[from + 3]! - 1);
    }
  }
}
