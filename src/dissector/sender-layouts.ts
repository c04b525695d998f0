import type { Ipv4 } from '../codec/index.js';

/** More senders than this are no longer remembered: a flood of forged sources must not fill the memory. */
export const MAX_SENDERS = 1 << 20;

/**
 * Which layout each address:port has used. An open-addressing table of integers: one look-up for every packet with a CM is on the
 * path that must not allocate.
 */
export class SenderLayouts {
  /** Two words a slot: the address; the layout above the port. A second word of 0 = slot unused. */
  #slots = new Uint32Array(2 * 1024);
  #count = 0;

  /** The layout bit (`Accept.compact` or `Accept.full`) that the sender has used; 0 when it has sent none. */
  get(address: Ipv4, port: number): number {
    return this.#slots[this.#find(address, port) + 1]! >>> 16;
  }

  /** Remembers the layout bit that a sender uses. */
  set(address: Ipv4, port: number, layout: number): void {
    const at = this.#find(address, port);
    if (this.#slots[at + 1] === 0) {
      if (this.#count >= MAX_SENDERS) return;
      this.#count++;
    }
    this.#slots[at] = address;
    this.#slots[at + 1] = (layout << 16) | port;
    if (this.#count * 4 > this.#slots.length) this.#grow();
  }

  /** Two words for each sender, as they are kept: the address; the layout bit above the port. */
  entries(): Uint32Array {
    const found = new Uint32Array(2 * this.#count);
    let at = 0;
    for (let from = 0; from < this.#slots.length; from += 2) {
      if (this.#slots[from + 1] === 0) continue;
      found[at++] = this.#slots[from]!;
      found[at++] = this.#slots[from + 1]!;
    }
    return found;
  }

  /** Where the sender stands, or the unused slot where it would. */
  #find(address: Ipv4, port: number): number {
    const slots = this.#slots;
    const mask = slots.length - 2;
    let at = (Math.imul(address ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b) >>> 8) & mask;
    for (;;) {
      const word = slots[at + 1]!;
      if (word === 0 || ((word & 0xffff) === port && slots[at] === address)) return at;
      at = (at + 2) & mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let from = 0; from < old.length; from += 2) {
      const word = old[from + 1]!;
      if (word === 0) continue;
      const at = this.#find(old[from]!, word & 0xffff);
      this.#slots[at] = old[from]!;
      this.#slots[at + 1] = word;
    }
  }
}
