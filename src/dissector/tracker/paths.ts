import { Columns } from './columns.js';

/** Integer fields of a path: one path id of one direction of a session, on one tuple. */
export const Path = {
  direction: 0,
  flow: 1,
  pathId: 2,
  /** The session id while the session lasts; -1 afterwards. */
  sessionId: 3,
  /** Next path of the same flow, plus 1. */
  nextOfFlow: 4,
  /** Next path of the same direction, plus 1. */
  nextOfDirection: 5,
  packets: 6,
  heartbeats: 7,
  /** Packets with flags ip-change. */
  flagged: 8,
  /** Ticks from timestamp to capture, modulo 2^32: the newest and the smallest. */
  transit: 9,
  minTransit: 10,
  maxAbove: 11,
  /** Samples fed back for it, and the delays: the newest and the smallest. */
  samples: 12,
  delay: 13,
  minDelay: 14,
  maxDelayAbove: 15,
  /** 1 when it is TCP inside UDP. */
  isWrapped: 16,
  /** Packets whose timestamp was looked at. */
  timed: 17,
  ints: 18,
} as const;

/** Double fields of a path; times are microseconds since the first packet, delays ticks. */
export const PathValue = {
  first: 0,
  last: 1,
  /** User data. */
  octets: 2,
  /** Sum of the transits above the smallest. */
  sumAbove: 3,
  sumDelayAbove: 4,
  /** D above the first sample, its minimum, and the largest Q (paper, section 3.6.1). */
  smoothed: 5,
  minSmoothed: 6,
  maxQueuing: 7,
  /** As Algorithm 1 makes it of the delays fed back. */
  weight: 8,
  lastFeedback: 9,
  /** The first sample. */
  base: 10,
  doubles: 11,
} as const;

/** A delay that jumps by more restarts what is known of a path, microseconds (docs/decisions.md 20). */
const STEP = 60_000_000;
/** Weight of a new sample in the moving average of D (docs/wire-format.md, constants). */
const SMOOTHING = 1 / 8;

/** Paths, with what their own timestamps and the feedback of the other end say of their delay. */
export class Paths {
  readonly columns = new Columns(Path.ints, PathValue.doubles);

  /**
   * Takes the time a packet needed to the capture.
   * @param transit ticks, modulo 2^32
   * @returns ticks above the path's smallest
   */
  noteTransit(path: number, transit: number, tick: number): number {
    const { columns } = this;
    const timed = columns.int(path, Path.timed);
    columns.setInt(path, Path.transit, transit);
    columns.setInt(path, Path.timed, timed + 1);
    if (timed > 0) {
      const above = (transit - columns.int(path, Path.minTransit)) | 0;
      if (above >= 0 && above <= STEP / tick) {
        if (above > columns.int(path, Path.maxAbove)) columns.setInt(path, Path.maxAbove, above);
        columns.addDouble(path, PathValue.sumAbove, above);
        return above;
      }
      if (above < 0 && above >= -STEP / tick) {
        columns.setInt(path, Path.minTransit, transit);
        columns.addInt(path, Path.maxAbove, -above);
        columns.addDouble(path, PathValue.sumAbove, -above * timed);
        return 0;
      }
    }
    this.restartTransit(path);
    columns.setInt(path, Path.timed, 1);
    columns.setInt(path, Path.transit, transit);
    columns.setInt(path, Path.minTransit, transit);
    return 0;
  }

  /** Forgets the transits: the sender's clock is another one than was assumed. */
  restartTransit(path: number): void {
    const { columns } = this;
    columns.setInt(path, Path.timed, 0);
    columns.setInt(path, Path.maxAbove, 0);
    columns.setDouble(path, PathValue.sumAbove, 0);
  }

  /**
   * Takes a delay that was fed back for the path.
   * @returns ticks above the smallest fed back
   */
  noteDelay(path: number, delay: number, time: number, tick: number): number {
    const { columns } = this;
    const samples = columns.int(path, Path.samples);
    columns.setDouble(path, PathValue.lastFeedback, time);
    columns.setInt(path, Path.delay, delay);
    if (samples > 0) {
      const above = (delay - columns.int(path, Path.minDelay)) | 0;
      if (above <= STEP / tick && above >= -STEP / tick) {
        columns.setInt(path, Path.samples, samples + 1);
        this.#smooth(path, delay);
        if (above >= 0) {
          if (above > columns.int(path, Path.maxDelayAbove)) columns.setInt(path, Path.maxDelayAbove, above);
          columns.addDouble(path, PathValue.sumDelayAbove, above);
          return above;
        }
        columns.setInt(path, Path.minDelay, delay);
        columns.addInt(path, Path.maxDelayAbove, -above);
        columns.addDouble(path, PathValue.sumDelayAbove, -above * samples);
        return 0;
      }
    }
    columns.setInt(path, Path.samples, 1);
    columns.setInt(path, Path.minDelay, delay);
    columns.setInt(path, Path.maxDelayAbove, 0);
    columns.setDouble(path, PathValue.sumDelayAbove, 0);
    columns.setDouble(path, PathValue.base, delay);
    columns.setDouble(path, PathValue.smoothed, 0);
    columns.setDouble(path, PathValue.minSmoothed, 0);
    return 0;
  }

  #smooth(path: number, delay: number): void {
    const { columns } = this;
    const sample = (delay - columns.double(path, PathValue.base)) | 0;
    const before = columns.double(path, PathValue.smoothed);
    const smoothed = before + (sample - before) * SMOOTHING;
    columns.setDouble(path, PathValue.smoothed, smoothed);
    if (smoothed < columns.double(path, PathValue.minSmoothed))
      columns.setDouble(path, PathValue.minSmoothed, smoothed);
    const queuing = smoothed - columns.double(path, PathValue.minSmoothed);
    if (queuing > columns.double(path, PathValue.maxQueuing)) columns.setDouble(path, PathValue.maxQueuing, queuing);
  }

  /** Q = D - Dmin, ticks. */
  queuing(path: number): number {
    return this.columns.double(path, PathValue.smoothed) - this.columns.double(path, PathValue.minSmoothed);
  }
}
