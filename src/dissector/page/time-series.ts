import { Path, PathWeight } from '../tracker/paths.js';
import type { Tracker } from '../tracker/tracker.js';

/** Bins along the time axis; when time goes beyond them, two become one. */
const BINS = 240;
/** Width of a bin at first, microseconds. */
const FIRST_WIDTH = 1000;
/** Directions of sessions that are followed, and paths of each. */
const MAX_DIRECTIONS = 64;
const MAX_PATHS = 24;

/** What is counted of a path in each bin. */
export class PathSeries {
  readonly packets = new Float64Array(BINS);
  readonly octets = new Float64Array(BINS);
  /** Sums and numbers of the delays above the smallest, microseconds: by timestamps, and as fed back. */
  readonly above = new Float64Array(BINS);
  readonly timed = new Float64Array(BINS);
  readonly fedBack = new Float64Array(BINS);
  readonly samples = new Float64Array(BINS);
  /** The latest value of a bin; NaN = none. */
  readonly queuing = new Float64Array(BINS).fill(Number.NaN);
  readonly weight = new Float64Array(BINS).fill(Number.NaN);

  /** @param path index in the tracker */
  constructor(readonly path: number) {}

  /** Packets of all bins. */
  get total(): number {
    return this.packets.reduce((sum, packets) => sum + packets, 0);
  }

  fold(): void {
    for (const sums of [this.packets, this.octets, this.above, this.timed, this.fedBack, this.samples]) {
      for (let i = 0; i < BINS / 2; i++) sums[i] = sums[2 * i]! + sums[2 * i + 1]!;
      sums.fill(0, BINS / 2);
    }
    for (const values of [this.queuing, this.weight]) {
      for (let i = 0; i < BINS / 2; i++) {
        const later = values[2 * i + 1]!;
        values[i] = Number.isNaN(later) ? values[2 * i]! : later;
      }
      values.fill(Number.NaN, BINS / 2);
    }
  }
}

/** Follows the paths of the first sessions over time, in constant memory. */
export class TimeSeries {
  /** By direction of the tracker. */
  readonly directions = new Map<number, PathSeries[]>();
  readonly #byPath = new Map<number, PathSeries>();
  #width = FIRST_WIDTH;
  #last = 0;

  /** Takes what the tracker has just seen. */
  note(tracker: Tracker): void {
    const { seen } = tracker;
    if (seen.path < 0 && seen.feedbackPath < 0) return;
    while (seen.time >= this.#width * BINS) {
      this.#width *= 2;
      for (const series of this.#byPath.values()) series.fold();
    }
    const bin = Math.max(0, Math.floor(seen.time / this.#width));
    if (bin > this.#last) this.#last = bin;
    if (seen.path >= 0) {
      const series = this.#at(seen.path, tracker);
      if (series !== undefined) {
        series.packets[bin]!++;
        series.octets[bin]! += seen.dataLength;
        series.above[bin]! += seen.above * tracker.nodes.get(seen.node).clock.tick;
        series.timed[bin]!++;
        series.weight[bin] = tracker.paths.columns.single(seen.path, PathWeight.weight);
      }
    }
    if (seen.feedbackPath >= 0) {
      const series = this.#at(seen.feedbackPath, tracker);
      const { tick } = tracker.nodes.get(seen.node).clock;
      if (series !== undefined) {
        series.fedBack[bin]! += seen.delayAbove * tick;
        series.samples[bin]!++;
        series.queuing[bin] = tracker.paths.queuing(seen.feedbackPath) * tick;
      }
    }
  }

  #at(path: number, tracker: Tracker): PathSeries | undefined {
    const known = this.#byPath.get(path);
    if (known !== undefined) return known;
    const direction = tracker.paths.columns.int(path, Path.direction);
    let paths = this.directions.get(direction);
    if (paths === undefined) {
      if (this.directions.size >= MAX_DIRECTIONS) return undefined;
      paths = [];
      this.directions.set(direction, paths);
    }
    if (paths.length >= MAX_PATHS) return undefined;
    const series = new PathSeries(path);
    paths.push(series);
    this.#byPath.set(path, series);
    return series;
  }

  /** The bins that were used by these paths: from the first to the last. */
  range(paths: readonly PathSeries[]): [number, number] {
    let first = BINS;
    let last = 0;
    for (const { packets, samples } of paths) {
      for (let i = 0; i <= Math.min(this.#last, BINS - 1); i++) {
        if (packets[i] === 0 && samples[i] === 0) continue;
        if (i < first) first = i;
        if (i > last) last = i;
      }
    }
    return [Math.min(first, last), last];
  }

  /** Seconds at the middle of a bin. */
  timeOf(bin: number): number {
    return Math.round((bin + 0.5) * this.#width) / 1e6;
  }
}
