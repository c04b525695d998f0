import type { Ipv4 } from '../codec/index.js';

/**
 * A set of addresses that is asked for the same ones again and again: of the two last found it knows without a look at its
 * hash table, which is in several places of memory.
 */
export class AddressSet extends Set<Ipv4> {
  #last: number | undefined;
  #before: number | undefined;

  override has(address: Ipv4): boolean {
    // As 32 bits with sign, which the engine keeps without a place on the heap.
    const name = address | 0;
    if (name === this.#last || name === this.#before) return true;
    if (!super.has(address)) return false;
    this.#before = this.#last;
    this.#last = name;
    return true;
  }

  override delete(address: Ipv4): boolean {
    this.#forget();
    return super.delete(address);
  }

  override clear(): void {
    this.#forget();
    super.clear();
  }

  #forget(): void {
    this.#last = undefined;
    this.#before = undefined;
  }
}
