import { sameTuple, type Tuple } from '../codec/index.js';
import type { TcpMode } from './options.js';
import type { PathEstimate } from './path-estimate.js';
import type { Session } from './sessions.js';

/** A path does not age while nothing is sent on it: a pause counts as this many microseconds at most. */
const LONGEST_PAUSE = 1_000_000;
/** The same while it is asked whether a NAT refuses the path: a pause is no evidence (docs/decisions.md 57). */
const LONGEST_SILENCE = 250_000;

/** A packet sent longer ago than this is overdue for feedback; those of a burst that goes out just now tell nothing. */
const ANSWER_TIME = 150_000;

/** How the packets of a session travel on a path: as they are, as TCP after a fake handshake, in UDP (section 3.8). */
export type PathMode = 'none' | TcpMode;

/**
 * Why segments go in UDP although the node uses fake TCP (docs/decisions.md 57): the fake handshake was not answered, no
 * feedback came for what was sent, the same happened to other paths with an end of this one, something on the way
 * answered with an RST, or the peer sent wrapped segments by the path.
 */
export type FallbackReason = 'no-handshake' | 'no-feedback' | 'other-paths' | 'reset' | 'peer';

/** A row of Table 3: a path of one session with its measurements (paper, sections 3.3, 3.4, 3.6.1). Times in microseconds, delays in ticks. */
export class Path {
  // Fields that begin with a number the engine changes in place; of those that begin undefined it makes a new number, with
  // a note for the garbage collector, each time.
  /** D as `delay` gives it, NaN before a sample. */
  #average = Number.NaN;
  /** Minimum network delay: the minimum over time of D. */
  minDelay = 0;
  /** Maximum queuing delay: the largest Q seen. */
  maxQueuing = 0;
  /** When feedback for this path last arrived. */
  feedbackTime = 0;
  /** Up to when it is known to have worked: a delay may have waited at the peer for a packet that could carry it. */
  provenAt: number;
  /** Samples taken into D. */
  samples = 0;
  /** How often its tuple was removed as obsolete with no feedback since. */
  failures = 0;
  /** Weight that it gets with its first feedback; 0 = that which it has. */
  weightAfterwards = 0;
  /** When a packet was last sent on it. */
  lastSent = 0;
  /** How long packets have been sent on it since feedback last arrived, microseconds; pauses count as a second at most. */
  unansweredMicros = 0;
  /** Packets sent on it, and their octets from the IP header to the end of the CM. */
  packetsSent = 0;
  octetsSent = 0;
  /** Path weight W, 1..1000. */
  weight = 0;
  encapsulation: PathMode = 'none';
  /** True when the tuple is the session's own. */
  readonly isOriginal: boolean;
  /** Why the path is wrapped in a node that uses fake TCP. */
  fallback: FallbackReason | undefined;
  /** True while nothing shows that a NAT lets user data of the session pass: the path carries none (docs/decisions.md 57, 59). */
  isUnproven = false;
  /** Packets sent on it since feedback last arrived. */
  unanswered = 0;
  /** Those of them that are old enough for an answer. */
  overdue = 0;
  /** Time from the first to the last of them, microseconds; a pause counts as a quarter of a second at most. */
  waitedMicros = 0;
  /** Feedback that the session had got when the first of them was sent. */
  answersBefore = 0;
  /** Round-trip time of the path's fake handshake, microseconds; 0 without one. */
  roundTrip = 0;
  /** What a scheduler that looks ahead knows of it; undefined with the paper's. */
  estimate: PathEstimate | undefined;
  /** When a data packet last came by it, where a scheduler wants to know; microseconds. */
  arrivedAt = Number.NEGATIVE_INFINITY;
  /** Large segments sent on it of late, and how many of them the host sent again (docs/decisions.md 65). */
  largeSent = 0;
  largeLost = 0;
  /** It carried large segments well for a while. */
  carriesLarge = false;
  /** True from when it is thought to lose large segments until it is known. */
  isSuspect = false;
  /** How many were unanswered when they were counted last, and when that was, microseconds. */
  #counted = 0;
  #countedAt = 0;
  #base = 0;
  /** The last sample, relative to the first. */
  #latest = 0;

  constructor(
    /** This node's id of the path, from 1. */
    public id: number,
    readonly session: Session,
    /** Addresses and ports as seen here, this node as source. */
    readonly tuple: Tuple,
    weight: number,
    now: number,
  ) {
    this.isOriginal = sameTuple(tuple, session.tuple);
    this.weight = weight;
    this.feedbackTime = now;
    this.provenAt = now;
    this.lastSent = now;
  }

  /** Looks at what every packet needs of it; see `FetchAhead`. */
  look(): number {
    const { minDelay, maxQueuing, lastSent, feedbackTime, waitedMicros, answersBefore, weight, unansweredMicros } =
      this;
    const times = lastSent + feedbackTime + waitedMicros + unansweredMicros + this.#countedAt;
    return this.#average + minDelay + maxQueuing + weight + answersBefore + times;
  }

  /** Smoothed real-time network delay D, relative to the path's first sample; undefined before one. */
  get delay(): number | undefined {
    return Number.isNaN(this.#average) ? undefined : this.#average;
  }

  /** Real-time network delay D as the peer measures it, in ticks modulo 2^32: comparable between paths to one peer. */
  get networkDelay(): number {
    return (this.#base + Math.round(this.delay ?? 0)) | 0;
  }

  /** The last delay that was fed back, in ticks modulo 2^32, before any averaging. */
  get latestDelay(): number {
    return (this.#base + this.#latest) | 0;
  }

  /** Notes that a packet of `octets`, its CM included, was sent on the path. */
  sent(now: number, octets = 0): void {
    this.packetsSent++;
    this.octetsSent += octets;
    this.estimate?.sent(now, octets, this.session.answers);
    const pause = now - this.lastSent;
    this.unansweredMicros += Math.min(pause, LONGEST_PAUSE);
    if (this.unanswered === 0) {
      this.answersBefore = this.session.answers;
      this.overdue = 0;
      this.#countedAt = now;
      this.#counted = 0;
    } else this.waitedMicros += Math.min(pause, LONGEST_SILENCE);
    if (now - this.#countedAt >= ANSWER_TIME) {
      this.overdue = this.#counted;
      this.#counted = this.unanswered;
      this.#countedAt = now;
    }
    this.unanswered++;
    this.lastSent = now;
  }

  /** True when no feedback came for longer than an answer takes: what was sent on it may have been lost, and would be now. */
  isInDoubt(now: number): boolean {
    return now - this.provenAt >= Math.max(ANSWER_TIME, 2 * this.roundTrip);
  }

  /** Nothing is known of large segments on it. */
  forgetLarge(): void {
    this.isSuspect = false;
    this.carriesLarge = false;
    this.largeSent = 0;
    this.largeLost = 0;
  }

  /** Forgets what was measured: from now on the packets travel in another way. */
  restart(): void {
    this.forgetLarge();
    this.#average = Number.NaN;
    this.minDelay = 0;
    this.maxQueuing = 0;
    this.samples = 0;
    this.unansweredMicros = 0;
    this.unanswered = 0;
    this.overdue = 0;
    this.waitedMicros = 0;
    this.estimate?.restart();
  }

  /** Real-time queuing delay Q = D - Dmin, in ticks. */
  get queuing(): number {
    return Number.isNaN(this.#average) ? 0 : this.#average - this.minDelay;
  }

  /**
   * Takes in a delay that the peer fed back (section 3.4): moving average, minimum, queuing delay. All arithmetic is
   * relative to the first sample modulo 2^32, so that neither the clocks' offset nor a wrap-around matters; a jump
   * beyond `stepTicks` is a stepped clock and starts the measurement again. `sentAt`: when the packet left that the delay
   * is of, as well as that is known.
   */
  applyFeedback(sample: number, smoothing: number, stepTicks: number, now: number, sentAt = now): void {
    this.feedbackTime = now;
    this.provenAt = now - Math.max(0, sentAt - this.lastSent);
    this.unansweredMicros = 0;
    this.failures = 0;
    if (this.weightAfterwards > 0) this.#trust();
    this.unanswered = 0;
    this.overdue = 0;
    this.waitedMicros = 0;
    this.isUnproven = false;
    this.session.answers++;
    if (this.fallback !== undefined) this.session.usesFallback = true;
    let relative = (sample - this.#base) | 0;
    if (Number.isNaN(this.#average) || Math.abs(relative - this.#average) > stepTicks) {
      this.#base = sample;
      this.#latest = 0;
      relative = 0;
      this.#average = 0;
      this.minDelay = 0;
      this.maxQueuing = 0;
      this.samples = 1;
      this.estimate?.restart();
      this.estimate?.feedback(sample, sentAt, now);
      return;
    }
    this.samples++;
    this.estimate?.feedback(sample, sentAt, now);
    this.#latest = relative;
    this.#average += smoothing * (relative - this.#average);
    this.minDelay = Math.min(this.minDelay, this.#average);
    this.maxQueuing = Math.max(this.maxQueuing, this.queuing);
  }

  /** On trial, as a path that was obsolete before: a packet now and then, until the first feedback shows that it works. */
  onTrial(weight: number): void {
    this.weightAfterwards ||= this.weight;
    this.weight = weight;
  }

  #trust(): void {
    this.weight = Math.max(this.weight, this.weightAfterwards);
    this.weightAfterwards = 0;
  }
}
