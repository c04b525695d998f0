/**
 * Session or path ids towards one peer: from 1 upwards; a freed id is given out again last and not before the reuse
 * time (docs/decisions.md, ids).
 */
export class IdPool {
  readonly #used = new Set<number>();
  readonly #freed: { id: number; at: number }[] = [];
  #next = 1;

  /** `max` is 255 in `compact`, 65535 in `full`; `reuseMicros` the constant `id-reuse`. */
  constructor(
    private readonly max: number,
    private readonly reuseMicros: number,
  ) {}

  /** Number of ids in use. */
  get size(): number {
    return this.#used.size;
  }

  /** The next free id, or 0 when there is none. */
  allocate(now: number): number {
    while (this.#next <= this.max && this.#used.has(this.#next)) this.#next++;
    if (this.#next <= this.max) return this.take(this.#next++);
    while (this.#freed.length > 0 && this.#freed[0]!.at + this.reuseMicros <= now) {
      const { id } = this.#freed.shift()!;
      if (!this.#used.has(id)) return this.take(id);
    }
    return 0;
  }

  /** Marks an id as used that somebody else chose. */
  take(id: number): number {
    this.#used.add(id);
    return id;
  }

  /** Gives an id back. */
  free(id: number, now: number): void {
    if (this.#used.delete(id)) this.#freed.push({ id, at: now });
  }
}
