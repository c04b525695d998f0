/** Packets whose time and octets are remembered for each path. */
const LOG = 1024;
/** A rate is measured over at least this long, microseconds. */
const RATE_WINDOW = 10_000;
/** Samples of the delay are averaged over about this long, microseconds. */
const SMOOTHING = 4_000;
/** A path whose queue is longer than this sends as fast as it can, microseconds. */
const BACKLOGGED = 500;
/** The shortest delay is that of the last one to two of these, microseconds: clocks drift. */
const FLOOR_WINDOW = 10_000_000;
/** A queue of this many microseconds, or of so many packets, is enough while another path has less. */
const ENOUGH = 6_000;
const ENOUGH_PACKETS = 4;
/** How fast clocks may drift, in parts: the shortest delay of all time rises by as much. */
const DRIFT = 20e-6;
/** Octets a microsecond while nothing was measured: 10 Mbit/s. */
const FIRST_RATE = 1.25;
/** What feedback may be late by, besides twice what is usual, microseconds. */
const LATENESS = 20_000;

/**
 * What `EarliestDelivery` makes of what was sent on a path and of the delays that were fed back: how long its queue is
 * now, and how fast it drains. The queue at the time of a sample was that sample's delay less the shortest one; since then
 * it has grown by what was sent and shrunk by what the path carries. Times in microseconds, delays in ticks modulo 2^32.
 */
export class PathEstimate {
  /** What the path carries, octets a microsecond. */
  rate = FIRST_RATE;
  /** True once a delay was fed back. */
  isMeasured = false;
  /** The shortest delay lately, in ticks modulo 2^32: comparable between paths to one peer. */
  floor = 0;
  /** Answers that the session had got when the last packet was sent. */
  answersAtSent = 0;
  /** Octets sent so far. */
  #total = 0;
  /** The last packets: when each was sent, and the octets sent up to it. */
  readonly #times = new Float64Array(LOG);
  readonly #totals = new Float64Array(LOG);
  #sent = 0;
  /** The last sample: when its packet was sent, what had been sent by then, and the queue that it met. */
  #sampleAt = Number.NEGATIVE_INFINITY;
  #sampleTotal = 0;
  #queue = 0;
  #floorBefore = 0;
  #floorNow = 0;
  #floorSince = 0;
  /** The shortest delay of all time, but for the drift of the clocks; and when it was looked at. */
  #lowest = 0;
  /** Where the measurement of the rate began: when a packet arrived, and what had been sent up to it. */
  #arrivalFrom = 0;
  #totalFrom = 0;
  #wasBacklogged = false;
  /** When feedback last came; how long it usually takes, and how far apart it usually is. */
  #heardAt = 0;
  #roundTrip = 0;
  #interval = 0;
  /** When the first packet was sent after that of the last sample; `Infinity` when there is none. */
  #unansweredSince = Number.POSITIVE_INFINITY;
  /** Up to when `raise` was told. */
  #raisedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly tickMicros: number) {}

  /** Notes a packet that was sent. */
  sent(now: number, octets: number, answers = 0): void {
    this.answersAtSent = answers;
    this.#total += octets;
    const at = this.#sent++ % LOG;
    this.#times[at] = now;
    this.#totals[at] = this.#total;
    if (now < this.#unansweredSince) this.#unansweredSince = now;
  }

  /**
   * Takes in a delay that was fed back.
   * @param sentAt when the packet left that the delay is of, as well as that is known.
   */
  feedback(delay: number, sentAt: number, now: number): void {
    const { tickMicros } = this;
    this.#keepFloor(delay, now);
    const queue = Math.max(0, ((delay - this.floor) | 0) * tickMicros);
    const at = Math.max(Math.min(sentAt, now), this.#sampleAt);
    const sent = this.#sentBy(at);
    const total = this.#totalOf(sent);
    this.#unansweredSince = sent < this.#sent ? this.#times[sent % LOG]! : Number.POSITIVE_INFINITY;
    const arrival = at + queue;
    if (!this.isMeasured) {
      this.isMeasured = true;
      this.#queue = queue;
      this.#restartRate(arrival, total, queue);
      this.#roundTrip = now - at;
    } else {
      const elapsed = at - this.#sampleAt;
      const expected = Math.max(0, this.#queue + (total - this.#sampleTotal) / this.rate - elapsed);
      this.#queue = expected + (queue - expected) * ((elapsed + 1) / (elapsed + SMOOTHING));
      this.#measureRate(arrival, total, queue);
      this.#roundTrip += (now - at - this.#roundTrip) / 8;
      if (this.#sampleTotal < this.#total) this.#interval += (now - this.#heardAt - this.#interval) / 8;
    }
    this.#heardAt = now;
    this.#sampleAt = at;
    this.#sampleTotal = total;
  }

  /** How long a packet of `octets` would wait and be sent if it was given to the path now, microseconds. */
  wait(now: number, octets: number): number {
    const { rate } = this;
    return this.#queueAt(now) + octets / rate + this.#overdue(now);
  }

  /** True when nothing has been heard for longer than usual of what was sent. */
  isOverdue(now: number): boolean {
    return this.#overdue(now) > 0;
  }

  /** True when the queue is as long as it should get while there are other paths: longer ones may not hold more. */
  hasEnough(now: number, octets: number): boolean {
    const standing = ((this.floor - Math.round(this.#lowest)) | 0) * this.tickMicros;
    return (
      Math.max(this.#queue, this.#queueAt(now)) + Math.max(0, standing) >
      Math.max(ENOUGH, (ENOUGH_PACKETS * octets) / this.rate)
    );
  }

  #queueAt(now: number): number {
    return Math.max(0, this.#queue + (this.#total - this.#sampleTotal) / this.rate - (now - this.#sampleAt));
  }

  /** At a time its queue was at least so long, microseconds, as this node's own interface said. */
  raise(at: number, micros: number): void {
    if (at <= this.#raisedAt) return;
    this.#raisedAt = at;
    this.#queue += Math.max(0, micros - this.#queueAt(at));
  }

  /** Forgets everything: packets travel in another way from now on. */
  restart(): void {
    this.isMeasured = false;
    this.rate = FIRST_RATE;
    this.#sampleTotal = this.#total;
    this.#queue = 0;
    this.#sampleAt = Number.NEGATIVE_INFINITY;
    this.#unansweredSince = Number.POSITIVE_INFINITY;
  }

  /** How much longer than usual nothing has been heard of what was sent: so much slower the path must be at least. */
  #overdue(now: number): number {
    if (this.#unansweredSince === Number.POSITIVE_INFINITY) return 0;
    return Math.max(0, now - this.#unansweredSince - 2 * (this.#roundTrip + this.#interval) - LATENESS);
  }

  #keepFloor(delay: number, now: number): void {
    const lower = (a: number, b: number) => (((a - b) | 0) < 0 ? a : b);
    const isLower = ((delay - Math.round(this.#lowest)) | 0) < 0;
    if (!this.isMeasured || isLower) this.#lowest = delay;
    else this.#lowest += ((now - this.#heardAt) * DRIFT) / this.tickMicros;
    if (!this.isMeasured) {
      this.#floorBefore = delay;
      this.#floorNow = delay;
      this.#floorSince = now;
    } else if (now - this.#floorSince > FLOOR_WINDOW) {
      this.#floorBefore = this.#floorNow;
      this.#floorNow = delay;
      this.#floorSince = now;
    } else this.#floorNow = lower(delay, this.#floorNow);
    this.floor = lower(this.#floorBefore, this.#floorNow);
  }

  #restartRate(arrival: number, total: number, queue: number): void {
    this.#arrivalFrom = arrival;
    this.#totalFrom = total;
    this.#wasBacklogged = queue > BACKLOGGED;
  }

  /** What arrived in how long a time is what the path carries, or less when nothing waited. */
  #measureRate(arrival: number, total: number, queue: number): void {
    const span = arrival - this.#arrivalFrom;
    // A clock that was set back.
    if (span < 0) this.#restartRate(arrival, total, queue);
    if (span < RATE_WINDOW) return;
    const octets = total - this.#totalFrom;
    if (octets > 0) {
      const rate = octets / span;
      const isBacklogged = this.#wasBacklogged && queue > BACKLOGGED;
      // Packets that a full queue drops look as if they were carried: with a queue the rate rises slowly only.
      if (rate > this.rate) this.rate += (rate - this.rate) / (isBacklogged ? 32 : 2);
      else if (isBacklogged) this.rate += (rate - this.rate) / 4;
    }
    this.#restartRate(arrival, total, queue);
  }

  /** How many packets had been sent at a time; those that are not remembered count. */
  #sentBy(time: number): number {
    let low = Math.max(0, this.#sent - LOG);
    let high = this.#sent;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#times[middle % LOG]! <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Octets of the first `count` packets. */
  #totalOf(count: number): number {
    if (count === 0) return 0;
    return this.#totals[(Math.max(count, this.#sent - LOG + 1) - 1) % LOG]!;
  }
}
