/** A timestamp that differs from what the capture's clock lets expect by more is a step of the sender's clock, microseconds. */
const STEP = 60_000_000;
/** Beyond so many microseconds between two packets the timestamp's 32 bits say nothing about the time between them. */
const AMBIGUOUS = 1_800_000_000;
/** The unit of a clock is judged after so long. */
const JUDGED_AFTER = 500_000;
/** Microseconds of a tick that are told apart: those of the profiles, and milliseconds. */
const TICKS = [1, 10, 1000] as const;

/** The clock behind a node's timestamps, beside the clock of the capture. */
export class SenderClock {
  /** Microseconds of a tick. */
  tick = 1;
  /** Times that the timestamps jumped by more than a minute. */
  steps = 0;
  /** Ticks and microseconds passed between packets, steps left out. */
  #ticks = 0;
  #elapsed = 0;
  #lastTimestamp = 0;
  #lastTime = 0;
  #hasLast = false;

  /**
   * Takes a timestamp.
   * @param time of the capture, microseconds; @param timestamp as in the CM
   * @returns the ticks by which the clock stepped, 0 when it did not
   */
  note(time: number, timestamp: number): number {
    let step = 0;
    if (this.#hasLast) {
      const elapsed = time - this.#lastTime;
      if (elapsed < AMBIGUOUS && elapsed > -AMBIGUOUS) {
        const ticks = (timestamp - this.#lastTimestamp) | 0;
        const off = ticks - elapsed / this.tick;
        if (off > STEP / this.tick || off < -STEP / this.tick) {
          this.steps++;
          step = Math.round(off);
        } else {
          this.#ticks += ticks;
          this.#elapsed += elapsed;
        }
      }
    }
    this.#hasLast = true;
    this.#lastTimestamp = timestamp;
    this.#lastTime = time;
    return step;
  }

  /** Judges the clock's unit from what has passed. @returns true when another unit fits better than the one assumed */
  judge(): boolean {
    if (this.#elapsed < JUDGED_AFTER) return false;
    const rate = this.rate!;
    const tick = TICKS.find((one) => Math.abs(rate * one - 1) < 0.2);
    if (tick === undefined || tick === this.tick) return false;
    this.tick = tick;
    return true;
  }

  /** Ticks per microsecond of the capture; undefined before half a second has passed. */
  get rate(): number | undefined {
    return this.#elapsed < JUDGED_AFTER ? undefined : this.#ticks / this.#elapsed;
  }

  /** Microseconds over which the rate was measured. */
  get measured(): number {
    return this.#elapsed;
  }
}
