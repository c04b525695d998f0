import { Columns } from './columns.js';

/** Integer fields of a path: one path id of one direction of a session, on one tuple. */
export const Path = {
  direction: 0,
  flow: 1,
  /** The path id, and above it the session id while the session lasts, 0 afterwards. */
  ids: 2,
  /** Next path of the same flow, plus 1. */
  nextOfFlow: 3,
  /** Next path of the same direction, plus 1. */
  nextOfDirection: 4,
  packets: 5,
  heartbeats: 6,
  /** Packets with flags ip-change. */
  flagged: 7,
  /** Ticks from timestamp to capture, modulo 2^32: the newest and the smallest. */
  transit: 8,
  minTransit: 9,
  maxAbove: 10,
  /** Packets whose timestamp was looked at. */
  timed: 11,
  /** Its record of what was fed back for it, plus 1; 0 = nothing was. */
  feedback: 12,
  /**
   * Whom it leads to, as far as that was known when it was first seen: a part of its key, and so never changed. Negative, by
   * {@link WRAPPED}, when it is TCP inside UDP.
   */
  keyPeer: 13,
  ints: 14,
} as const;

/** Bit of `Path.keyPeer`. */
const WRAPPED = 1 << 31;

/** Double fields of a path; times are microseconds since the first packet. */
export const PathValue = {
  first: 0,
  last: 1,
  /** User data. */
  octets: 2,
  /** Sum of the transits above the smallest. */
  sumAbove: 3,
  doubles: 4,
} as const;

/** Single-precision field of a path: its weight, as Algorithm 1 makes it of the delays fed back. */
export const PathWeight = { weight: 0, singles: 1 } as const;

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

/** Double field of what was fed back for a path, ticks: the sum of the delays above the smallest. */
export const FeedbackSum = { sumAbove: 0, doubles: 1 } as const;

/** Single-precision fields of what was fed back for a path, ticks. */
export const FeedbackValue = {
  /** D above the first sample, its minimum, and the largest Q (paper, section 3.6.1). */
  smoothed: 0,
  minSmoothed: 1,
  maxQueuing: 2,
  singles: 3,
} as const;

/** A delay that jumps by more restarts what is known of a path, microseconds (docs/decisions.md 20). */
const STEP = 60_000_000;
/** Weight of a new sample in the moving average of D (docs/wire-format.md, constants). */
const SMOOTHING = 1 / 8;

/** Paths, with what their own timestamps and the feedback of the other end say of their delay. */
export class Paths {
  readonly columns = new Columns(Path.ints, PathValue.doubles, PathWeight.singles);
  /** Of the paths that something was fed back for: not every capture has both ends' packets. */
  readonly feedback = new Columns(Feedback.ints, FeedbackSum.doubles, FeedbackValue.singles);

  /** Adds a path. @param peer whom it leads to, as far as is known; 0 = it is not */
  add(direction: number, flow: number, ids: number, peer: number, isWrapped: boolean): number {
    const { columns } = this;
    const path = columns.add();
    columns.setInt(path, Path.direction, direction);
    columns.setInt(path, Path.flow, flow);
    columns.setInt(path, Path.ids, ids);
    columns.setInt(path, Path.keyPeer, isWrapped ? peer | WRAPPED : peer);
    return path;
  }

  pathId(path: number): number {
    return this.columns.int(path, Path.ids) & 0xffff;
  }

  /** Says that the path's session is over: its ids may be used by others. */
  retire(path: number): void {
    this.columns.setInt(path, Path.ids, this.pathId(path));
  }

  keyPeer(path: number): number {
    return this.columns.int(path, Path.keyPeer) & ~WRAPPED;
  }

  /** True when it is TCP inside UDP. */
  isWrapped(path: number): boolean {
    return (this.columns.int(path, Path.keyPeer) & WRAPPED) !== 0;
  }

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
          feedback.addDouble(at, FeedbackSum.sumAbove, above);
          return above;
        }
        feedback.setInt(at, Feedback.minDelay, delay);
        feedback.addInt(at, Feedback.maxAbove, -above);
        feedback.addDouble(at, FeedbackSum.sumAbove, -above * samples);
        return 0;
      }
    }
    feedback.setInt(at, Feedback.samples, 1);
    feedback.setInt(at, Feedback.minDelay, delay);
    feedback.setInt(at, Feedback.maxAbove, 0);
    feedback.setDouble(at, FeedbackSum.sumAbove, 0);
    feedback.setInt(at, Feedback.base, delay);
    feedback.setSingle(at, FeedbackValue.smoothed, 0);
    feedback.setSingle(at, FeedbackValue.minSmoothed, 0);
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
    const before = feedback.single(at, FeedbackValue.smoothed);
    const smoothed = before + (sample - before) * SMOOTHING;
    feedback.setSingle(at, FeedbackValue.smoothed, smoothed);
    if (smoothed < feedback.single(at, FeedbackValue.minSmoothed))
      feedback.setSingle(at, FeedbackValue.minSmoothed, smoothed);
    const queuing = smoothed - feedback.single(at, FeedbackValue.minSmoothed);
    if (queuing > feedback.single(at, FeedbackValue.maxQueuing))
      feedback.setSingle(at, FeedbackValue.maxQueuing, queuing);
  }

  /** Q = D - Dmin, ticks; 0 while nothing was fed back. */
  queuing(path: number): number {
    const at = this.columns.int(path, Path.feedback) - 1;
    if (at < 0) return 0;
    return this.feedback.single(at, FeedbackValue.smoothed) - this.feedback.single(at, FeedbackValue.minSmoothed);
  }
}
