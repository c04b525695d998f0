import { Evictor } from './evictor.js';
import { FeedbackQueue } from './feedback-queue.js';
import { IdMap } from './id-map.js';

/** A row of Table 5: the last one-way delay of one of the peer's paths, as seen here (paper, section 3.4). */
export interface FeedbackRow {
  /** The peer's id of its path. */
  readonly pathId: number;
  /** The session of the packets that the samples come from; 0 = none. */
  sessionId: number;
  /** Receive clock minus packet timestamp, in ticks, signed 32 bits. */
  delay: number;
  /** Where the sample came from, as `addressKey`; 0 = not known. */
  source: number;
  /** When the sample arrived, microseconds. */
  at: number;
  /** When the first sample arrived, microseconds. */
  readonly since: number;
  /** When this path was last fed back, microseconds; -Infinity before the first time. */
  feedbackTime: number;
  /** True while the sample is newer than the last one fed back. */
  fresh: boolean;
  /** The row of the lowest number is fed back first: never fed back before fed back, and of either the one made or fed back earlier. */
  turn: number;
  /** True while it is among those to feed back. */
  isWaiting: boolean;
}

/** Rows that were never fed back have turns so much lower; more than are ever given. */
const NEVER_FED_BACK = 2 ** 36;

/** Table 5 for one peer, keyed by the peer's path ids. */
export class FeedbackTable {
  readonly #rows: IdMap<FeedbackRow>;
  readonly #waiting = new FeedbackQueue();
  readonly #evictor: Evictor<number, FeedbackRow>;
  #turns = 0;

  /** At `limit` rows one goes: the oldest whose session `isLive` does not know. `rows`: what keeps them. */
  constructor(
    private readonly limit = Number.POSITIVE_INFINITY,
    isLive: (sessionId: number) => boolean = () => false,
    rows = new IdMap<FeedbackRow>(),
  ) {
    this.#rows = rows;
    this.#evictor = new Evictor(this.#rows, (row) => isLive(row.sessionId));
  }

  get size(): number {
    return this.#rows.size;
  }

  get(pathId: number): FeedbackRow | undefined {
    return this.#rows.get(pathId);
  }

  rows(): IterableIterator<FeedbackRow> {
    return this.#rows.values();
  }

  /** Stores a sample; it replaces the one before (section 3.4: "it updates the path's delay with T2 - T1"). */
  record(pathId: number, delay: number, now: number, sessionId = 0, source = 0): FeedbackRow {
    const known = this.#rows.get(pathId);
    if (known === undefined) return this.#add(pathId, delay, now, sessionId, source);
    known.delay = delay;
    known.sessionId = sessionId;
    known.source = source;
    known.at = now;
    known.fresh = true;
    this.#wait(known);
    return known;
  }

  /**
   * The row to feed back now: of those with a sample newer than their last feedback, the one with the earliest feedback
   * time, and of those fed back at one time the one that came first then. Its feedback time becomes `now`. Undefined when no row has a new sample.
   */
  next(now: number): FeedbackRow | undefined {
    for (let id = this.#waiting.take(); id > 0; id = this.#waiting.take()) {
      const chosen = this.#rows.get(id)!;
      chosen.isWaiting = false;
      if (!chosen.fresh) continue;
      chosen.fresh = false;
      chosen.feedbackTime = now;
      chosen.turn = this.#turns++;
      return chosen;
    }
    return undefined;
  }

  /** The row that comes first among those with a sample, if any; it may have been fed back elsewhere. */
  get first(): FeedbackRow | undefined {
    return this.#rows.get(this.#waiting.first);
  }

  /** Takes over rows of another table of the same node; of two for one path the newer sample stays. */
  takeOver(other: FeedbackTable): void {
    for (const row of other.rows()) {
      const own = this.#rows.get(row.pathId);
      if (own !== undefined && own.at >= row.at) continue;
      this.remove(row.pathId);
      const taken = this.#add(row.pathId, row.delay, row.at, row.sessionId, row.source);
      taken.feedbackTime = row.feedbackTime;
      taken.turn = row.turn;
      taken.fresh = row.fresh;
    }
    other.clear();
    this.#giveTurns();
  }

  /** Forgets the paths of a session whose samples arrived before a time, microseconds (address change, section 3.4). */
  forgetSession(sessionId: number, before = Number.POSITIVE_INFINITY): void {
    for (const row of this.#rows.values()) if (row.sessionId === sessionId && row.at < before) this.remove(row.pathId);
  }

  /** Forgets a path. */
  remove(pathId: number): void {
    const row = this.#rows.get(pathId);
    if (row === undefined) return;
    if (row.isWaiting) this.#waiting.remove(row.turn, pathId);
    this.#rows.delete(pathId);
  }

  clear(): void {
    this.#waiting.clear();
    this.#rows.clear();
  }

  #add(pathId: number, delay: number, now: number, sessionId: number, source: number): FeedbackRow {
    if (this.#rows.size >= this.limit) this.remove(this.#evictor.next()!);
    const row: FeedbackRow = {
      pathId,
      sessionId,
      delay,
      source,
      at: now,
      since: now,
      feedbackTime: Number.NEGATIVE_INFINITY,
      fresh: true,
      turn: this.#turns++ - NEVER_FED_BACK,
      isWaiting: false,
    };
    this.#rows.set(pathId, row);
    this.#wait(row);
    return row;
  }

  #wait(row: FeedbackRow): void {
    if (row.isWaiting) return;
    row.isWaiting = true;
    this.#waiting.add(row.turn, row.pathId);
  }

  /** Rows of two tables get turns of one, in the order of their feedback times. */
  #giveTurns(): void {
    this.#waiting.clear();
    this.#turns = 0;
    const order = (a: FeedbackRow, b: FeedbackRow) =>
      a.feedbackTime === b.feedbackTime ? a.turn - b.turn : a.feedbackTime < b.feedbackTime ? -1 : 1;
    for (const row of [...this.#rows.values()].sort(order)) {
      row.turn = this.#turns++ - (row.feedbackTime === Number.NEGATIVE_INFINITY ? NEVER_FED_BACK : 0);
      row.isWaiting = false;
      if (row.fresh) this.#wait(row);
    }
  }
}
