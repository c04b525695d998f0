/** Rows looked at before one in use goes. */
const MOST_PROBES = 256;

/**
 * Chooses which row of a full table goes: the oldest that is not in use, found by a hand that moves on through the table
 * and begins again at its end, so that rows in use are passed once a turn and not for every newcomer.
 */
export class Evictor<K, V> {
  #hand: Iterator<[K, V]> | undefined;

  constructor(
    private readonly rows: ReadonlyMap<K, V>,
    private readonly isInUse: (row: V, key: K) => boolean,
  ) {}

  /**
   * The key of the row to remove; undefined when the table is empty. When all of a long run of rows are in use, it is the
   * last one looked at, or, with `sparesUsed`, undefined.
   */
  next(sparesUsed = false): K | undefined {
    let last: K | undefined;
    for (let probes = 0; probes < MOST_PROBES; probes++) {
      const row = this.#advance();
      if (row === undefined) break;
      last = row[0];
      if (!this.isInUse(row[1], row[0])) return last;
    }
    return sparesUsed ? undefined : last;
  }

  #advance(): [K, V] | undefined {
    for (let turn = 0; turn < 2; turn++) {
      this.#hand ??= this.rows.entries();
      const { value, done } = this.#hand.next();
      if (done !== true) return value;
      this.#hand = undefined;
    }
    return undefined;
  }
}
