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
  /** 1 when it is TCP inside UDP. */
  isWrapped: 12,
  /** Packets whose timestamp was looked at. */
  timed: 13,
  /** Its record of what was fed back for it, plus 1; 0 = nothing was. */
  feedback: 14,
  /** Whom it leads to, as far as that was known when it was first seen: a part of its key, and so never changed. */
  keyPeer: 15,
  ints: 16,
} as const;

/** Double fields of a path; times are microseconds since the first packet. */
export const PathValue = {
  first: 0,
  last: 1,
  /** User data. */
  octets: 2,
  /** Sum of the transits above the smallest. */
  sumAbove: 3,
  /** As Algorithm 1 makes it of the delays fed back. */
  weight: 4,
  doubles: 5,
} as const;

/** Integer fields of what was fed back for a path; delays are ticks. */
export const Feedback = {
  samples: 0,
  /** The newest delay, the smallest, and the largest above it. */
  delay: 1,
  minDelay: 2,
  maxAbove: 3,
  /** The first sample. */
  base: 4,
  ints: 5,
} as const;

/** Double fields of what was fed back for a path, ticks. */
export const FeedbackValue = {
  /** Sum of the delays above the smallest. */
  sumAbove: 0,
  /** D above the first sample, its minimum, and the largest Q (paper, section 3.6.1). */
  smoothed: 1,
  minSmoothed: 2,
  maxQueuing: 3,
  doubles: 4,
} as const;

/** A delay that jumps by more restarts what is known of a path, microseconds (docs/decisions.md 20). */
const STEP = 60_000_000;
/** Weight of a new sample in the moving average of D (docs/wire-format.md, constants). */
const SMOOTHING = 1 / 8;

/** Paths, with what their own timestamps and the feedback of the other end say of their delay. */
export class Paths {
  readonly columns = new Columns(Path.ints, PathValue.doubles);
  /** Of the paths that something was fed back for: not every capture has both ends' packets. */
  readonly feedback = new Columns(Feedback.ints, FeedbackValue.doubles);

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
  noteDelay(path: number, delay: number, tick: number): number {
    const { feedback } = this;
    const at = this.#feedbackOf(path);
    const samples = feedback.int(at, Feedback.samples);
    feedback.setInt(at, Feedback.delay, delay);
    if (samples > 0) {
      const above = (delay - feedback.int(at, Feedback.minDelay)) | 0;
      if (above <= STEP / tick && above >= -STEP / tick) {
        feedback.setInt(at, Feedback.samples, samples + 1);
        this.#smooth(at, delay);
        if (above >= 0) {
          if (above > feedback.int(at, Feedback.maxAbove)) feedback.setInt(at, Feedback.maxAbove, above);
          feedback.addDouble(at, FeedbackValue.sumAbove, above);
          return above;
        }
        feedback.setInt(at, Feedback.minDelay, delay);
        feedback.addInt(at, Feedback.maxAbove, -above);
        feedback.addDouble(at, FeedbackValue.sumAbove, -above * samples);
        return 0;
      }
    }
    feedback.setInt(at, Feedback.samples, 1);
    feedback.setInt(at, Feedback.minDelay, delay);
    feedback.setInt(at, Feedback.maxAbove, 0);
    feedback.setDouble(at, FeedbackValue.sumAbove, 0);
    feedback.setInt(at, Feedback.base, delay);
    feedback.setDouble(at, FeedbackValue.smoothed, 0);
    feedback.setDouble(at, FeedbackValue.minSmoothed, 0);
    return 0;
  }

  /** The record of what was fed back for a path, made when there is none. */
  #feedbackOf(path: number): number {
    const known = this.columns.int(path, Path.feedback) - 1;
    if (known >= 0) return known;
    const made = this.feedback.add();
    this.columns.setInt(path, Path.feedback, made + 1);
    return made;
  }

  #smooth(at: number, delay: number): void {
    const { feedback } = this;
    const sample = (delay - feedback.int(at, Feedback.base)) | 0;
    const before = feedback.double(at, FeedbackValue.smoothed);
    const smoothed = before + (sample - before) * SMOOTHING;
    feedback.setDouble(at, FeedbackValue.smoothed, smoothed);
    if (smoothed < feedback.double(at, FeedbackValue.minSmoothed))
      feedback.setDouble(at, FeedbackValue.minSmoothed, smoothed);
    const queuing = smoothed - feedback.double(at, FeedbackValue.minSmoothed);
    if (queuing > feedback.double(at, FeedbackValue.maxQueuing))
      feedback.setDouble(at, FeedbackValue.maxQueuing, queuing);
  }

  /** Q = D - Dmin, ticks; 0 while nothing was fed back. */
  queuing(path: number): number {
    const at = this.columns.int(path, Path.feedback) - 1;
    if (at < 0) return 0;
    return this.feedback.double(at, FeedbackValue.smoothed) - this.feedback.double(at, FeedbackValue.minSmoothed);
  }
}
