/** Ids below this have a place of their own. */
const PLACES = 256;

/**
 * A map by session or path id, in the order of insertion. Ids are given out from 1 upwards, so that nearly all are small:
 * those are found by their place in a list, which is one place in memory instead of the several of a hash table.
 */
export class IdMap<V> extends Map<number, V> {
  readonly #places: (V | undefined)[] = [];

  override get(id: number): V | undefined {
    return id < PLACES ? this.#places[id] : super.get(id);
  }

  override set(id: number, value: V): this {
    if (id < PLACES) this.#places[id] = value;
    return super.set(id, value);
  }

  override delete(id: number): boolean {
    if (id < PLACES) this.#places[id] = undefined;
    return super.delete(id);
  }

  override clear(): void {
    this.#places.length = 0;
    super.clear();
  }
}
