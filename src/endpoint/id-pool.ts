/**
 * Session or path ids towards one peer: from 1 upwards; a freed id is given out again last and not before the reuse
 * time (docs/decisions.md, ids).
 */
export class IdPool {
  readonly #used = new Set<number>();
  /** Freed ids with the time, the longest free first; an id is here once at most. */
  readonly #freed = new Map<number, number>();
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

  /** Number of ids that were freed and not given out since. */
  get resting(): number {
    return this.#freed.size;
  }

  /** The next free id, or 0 when there is none. */
  allocate(now: number): number {
    while (this.#next <= this.max && (this.#used.has(this.#next) || this.#freed.has(this.#next))) this.#next++;
    if (this.#next <= this.max) return this.take(this.#next++);
    for (const [id, at] of this.#freed) return at + this.reuseMicros <= now ? this.take(id) : 0;
    return 0;
  }

  /** The id that has been free longest, however short that is; 0 when none was freed. */
  reuse(): number {
    for (const id of this.#freed.keys()) return this.take(id);
    return 0;
  }

  /** True when an id is not used and was not freed within the reuse time. */
  isFree(id: number, now: number): boolean {
    return !this.#used.has(id) && (this.#freed.get(id) ?? Number.NEGATIVE_INFINITY) + this.reuseMicros <= now;
  }

  /** Marks an id as used that somebody else chose. */
  take(id: number): number {
    this.#used.add(id);
    this.#freed.delete(id);
    return id;
  }

  /** Ids that rest in another pool rest here too: the two nodes turned out to be one. */
  takeOver(other: IdPool): void {
    const freed = [...this.#freed, ...other.#freed].sort(([, one], [, two]) => one - two);
    this.#freed.clear();
    for (const [id, at] of freed) {
      this.#freed.delete(id);
      if (!this.#used.has(id)) this.#freed.set(id, at);
    }
  }

  /** Gives an id back. */
  free(id: number, now: number): void {
    if (this.#used.delete(id)) this.#freed.set(id, now);
  }
}
