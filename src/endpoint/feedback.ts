import { Evictor } from './evictor.js';

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
}

/** Table 5 for one peer, keyed by the peer's path ids. */
export class FeedbackTable {
  readonly #rows = new Map<number, FeedbackRow>();
  readonly #evictor: Evictor<number, FeedbackRow>;

  /** At `limit` rows one goes: the oldest whose session `isLive` does not know. */
  constructor(
    private readonly limit = Number.POSITIVE_INFINITY,
    isLive: (sessionId: number) => boolean = () => false,
  ) {
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
    let row = this.#rows.get(pathId);
    if (row === undefined) {
      if (this.#rows.size >= this.limit) this.#rows.delete(this.#evictor.next()!);
      row = {
        pathId,
        sessionId,
        delay,
        source,
        at: now,
        since: now,
        feedbackTime: Number.NEGATIVE_INFINITY,
        fresh: true,
      };
      this.#rows.set(pathId, row);
    } else {
      row.delay = delay;
      row.sessionId = sessionId;
      row.source = source;
      row.at = now;
      row.fresh = true;
    }
    return row;
  }

  /**
   * The row to feed back now: of those with a sample newer than their last feedback, the one with the earliest feedback
   * time. Its feedback time becomes `now`. Undefined when no row has a new sample.
   */
  next(now: number): FeedbackRow | undefined {
    let chosen: FeedbackRow | undefined;
    for (const row of this.#rows.values()) {
      if (row.fresh && (chosen === undefined || row.feedbackTime < chosen.feedbackTime)) chosen = row;
    }
    if (chosen !== undefined) {
      chosen.fresh = false;
      chosen.feedbackTime = now;
    }
    return chosen;
  }

  /** Forgets the paths of a session (address change, section 3.4). */
  forgetSession(sessionId: number): void {
    for (const row of this.#rows.values()) if (row.sessionId === sessionId) this.#rows.delete(row.pathId);
  }

  /** Forgets a path. */
  remove(pathId: number): void {
    this.#rows.delete(pathId);
  }

  clear(): void {
    this.#rows.clear();
  }
}
