import type { Constants, Ipv4 } from '../codec/index.js';
import { PathEstimate } from './path-estimate.js';
import type { Path } from './paths.js';
import type { Scheduler } from './scheduler.js';
import type { Session } from './sessions.js';

/** A path that was never measured is tried once in this time, microseconds. */
const TRY_INTERVAL = 20_000;
/** Delays that are fed back between two packets to a path that seems to be dead. */
const ANSWERS_BETWEEN_TRIALS = 32;
/** Much is answered just now when something was so lately, microseconds: TCP that is stuck waits for 200 ms at least. */
const ANSWERED_LATELY = 100_000;
/** However little is answered, it is tried after this long, microseconds. */
const LONGEST_REST = 5_000_000;
/** Octets of a packet whose length is not known. */
const USUAL_LENGTH = 1500;

/**
 * Each packet takes the path by which it would arrive first (`--scheduler earliest`, docs/decisions.md 61): the path's
 * shortest delay and what its queue holds, as `PathEstimate` knows it. Packets of a session then arrive nearly in the
 * order in which they were sent, and queues of unlike paths grow together, so that all of their rate is used.
 */
export class EarliestDelivery implements Scheduler {
  /** What this node's interfaces said last of their queues. */
  readonly #queues = new Map<Ipv4, { at: number; micros: number }>();

  constructor(
    private readonly constants: Constants,
    private readonly tickMicros: number,
  ) {}

  choose(session: Session, paths: readonly Path[], now: number, octets = USUAL_LENGTH): Path {
    this.#showRates(session, now);
    let best: Path | undefined;
    let bestWait = Number.POSITIVE_INFINITY;
    let bestHasEnough = true;
    let reference: number | undefined;
    let untried: Path | undefined;
    for (const path of paths) {
      path.estimate ??= new PathEstimate(this.tickMicros);
      const { estimate } = path;
      if (!estimate.isMeasured) {
        if (untried === undefined || path.lastSent < untried.lastSent) untried = path;
        continue;
      }
      reference ??= estimate.floor;
      const queue = this.#queues.get(path.tuple.source);
      if (queue !== undefined) estimate.raise(queue.at, queue.micros);
      const wait = ((estimate.floor - reference) | 0) * this.tickMicros + estimate.wait(now, octets);
      const hasEnough = estimate.hasEnough(now, octets);
      if (hasEnough === bestHasEnough ? wait >= bestWait : hasEnough) continue;
      best = path;
      bestWait = wait;
      bestHasEnough = hasEnough;
    }
    if (best === undefined) return untried!;
    if (best.estimate!.isOverdue(now)) return another(paths);
    return untried !== undefined && now - untried.lastSent >= TRY_INTERVAL ? untried : best;
  }

  /**
   * A path of which nothing is heard any more loses what it is given: it is tried while much else is answered, but not with
   * the few packets that TCP sends when it is stuck.
   */
  mayMeasure({ estimate, session, lastSent }: Path, now: number): boolean {
    if (estimate === undefined || !estimate.isOverdue(now)) return true;
    if (now - lastSent > LONGEST_REST) return true;
    if (session.answers - estimate.answersAtSent < ANSWERS_BETWEEN_TRIALS) return false;
    return session.paths.some(({ feedbackTime }) => now - feedbackTime < ANSWERED_LATELY);
  }

  queued(address: Ipv4, micros: number, at: number): void {
    this.#queues.set(address, { at, micros });
  }

  /** The weights of Table 3 show what part of the rate each path has; nothing is chosen by them. */
  #showRates(session: Session, now: number): void {
    if (now - session.weightsAt < this.constants['weight-period']) return;
    session.weightsAt = now;
    let sum = 0;
    for (const { estimate } of session.paths) sum += estimate?.rate ?? 0;
    const { 'weight-max': max, 'weight-min': min } = this.constants;
    for (const path of session.paths) {
      if (path.estimate === undefined || path.weightAfterwards > 0) continue;
      path.weight = Math.max(min, Math.round((max * path.estimate.rate) / sum));
    }
  }
}

/**
 * Nothing is heard of what any path was given, and it is not known which of them are dead: one by which something came
 * since its last packet, then the one that was tried longest ago.
 */
function another(paths: readonly Path[]): Path {
  const isHeard = ({ arrivedAt, lastSent }: Path) => arrivedAt > lastSent;
  let chosen = paths[0]!;
  for (const path of paths)
    if (isHeard(path) === isHeard(chosen) ? path.lastSent < chosen.lastSent : isHeard(path)) chosen = path;
  return chosen;
}
