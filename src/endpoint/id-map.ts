/** Ids below this have a place of their own. */
const PLACES = 256;

/** Maps that share a list at most. */
const MAPS = 3;

/**
 * A map by session or path id, in the order of insertion. Ids are given out from 1 upwards, so that nearly all are small:
 * those are found by their place in a list, which is one place in memory instead of the several of a hash table. Up to
 * three maps share a list, so that what they have of one id is side by side.
 */
export class IdMap<V> extends Map<number, V> {
  readonly #places: (V | undefined)[];

  /** `places` and `column`, below 3: the list, and which of it is this map's. */
  constructor(
    places: unknown[] = [],
    private readonly column = 0,
  ) {
    super();
    this.#places = places as (V | undefined)[];
  }

  override get(id: number): V | undefined {
    return id < PLACES ? this.#places[MAPS * id + this.column] : super.get(id);
  }

  override set(id: number, value: V): this {
    if (id < PLACES) this.#places[MAPS * id + this.column] = value;
    return super.set(id, value);
  }

  override delete(id: number): boolean {
    if (id < PLACES) this.#places[MAPS * id + this.column] = undefined;
    return super.delete(id);
  }

  override clear(): void {
    for (const id of this.keys()) this.delete(id);
  }
}
