import type { Constants, Ipv4, Random } from '../codec/index.js';
import type { Path } from './paths.js';
import type { Priority } from './routing.js';
import type { Scheduler } from './scheduler.js';
import type { Session } from './sessions.js';

/** A path on trial is tried once in this time until it is answered, microseconds. */
const PROVE_INTERVAL = 100_000;

/** Chooses the path of each packet and keeps the weights (paper, section 3.6). */
export class PathSelection {
  constructor(
    private readonly constants: Constants,
    private readonly random: Random,
    /** Microseconds of a tick, in which delays are counted. */
    private readonly tickMicros = 1,
    /** Chooses instead of Equation 1; undefined for the paper's way. */
    private readonly scheduler: Scheduler | undefined = undefined,
  ) {}

  /**
   * The path of the next packet of a session, one of `paths`; undefined while there is none, and the packet then goes
   * over the session's own tuple with path id 0. `adjustWeights` comes first.
   */
  choose(
    session: Session,
    priority: Priority,
    now: number,
    paths: readonly Path[] = session.paths,
    octets: number | undefined = undefined,
  ): Path | undefined {
    if (paths.length <= 1) return paths[0];
    const { scheduler } = this;
    const proven = paths.some(isUnproven) ? paths.filter(isProven) : paths;
    const usable = proven.length > 0 ? proven : paths;
    if (priority === 'responsiveness') {
      const fastest = lowestDelay(usable);
      if (fastest !== undefined) return this.stale(usable, fastest, now) ?? fastest;
    }
    return this.unused(usable, now) ?? scheduler?.choose(session, usable, now, octets) ?? this.weighted(usable);
  }

  /** What waits at an interface of this node takes so long to leave, microseconds. */
  queued(address: Ipv4, micros: number, now: number): void {
    this.scheduler?.queued?.(address, micros, now);
  }

  /** An unproven path that got no packet for a second, if any: the next to be probed. */
  toProbe({ paths }: Session, now: number): Path | undefined {
    return paths.find(
      (path) => path.isUnproven && (path.packetsSent === 0 || now - path.lastSent >= this.constants['heartbeat-age']),
    );
  }

  /**
   * The path on trial whose turn it is to be tried (docs/decisions.md 57): each once in 100 ms until it is answered.
   * Undefined too where no path is proven: the packets themselves try them then.
   */
  toProve({ paths }: Session, now: number): Path | undefined {
    let due: Path | undefined;
    let isAnyProven = false;
    for (const path of paths) {
      if (!path.isUnproven) isAnyProven = true;
      else if (path.unanswered > 0 && now - path.lastSent < PROVE_INTERVAL) continue;
      else if (due === undefined || path.lastSent < due.lastSent) due = path;
    }
    return isAnyProven ? due : undefined;
  }

  /** Equation 1: a path at random, with the probability of its share of the weights. */
  weighted(paths: readonly Path[]): Path {
    let total = 0;
    for (const path of paths) total += path.weight;
    let left = this.random.next() * total;
    for (const path of paths) {
      left -= path.weight;
      if (left < 0) return path;
    }
    return paths[paths.length - 1]!;
  }

  /** A path that carried nothing for `path-refresh`, the longest unused first: keeps paths of small weight measured. */
  unused(paths: readonly Path[], now: number): Path | undefined {
    let oldest: Path | undefined;
    for (const path of paths) {
      if (
        now - path.lastSent >= this.constants['path-refresh'] &&
        this.scheduler?.mayMeasure?.(path, now) !== false &&
        (oldest === undefined || path.lastSent < oldest.lastSent)
      ) {
        oldest = path;
      }
    }
    return oldest;
  }

  /**
   * A path that nobody would measure while a rule asks for the lowest delay (docs/decisions.md 53): unused for
   * `stale-delay`; for `path-refresh` when it has no delay yet; for `weight-period` when its last sample was below the
   * delay of the fastest, so that its average soon says so, too.
   */
  stale(paths: readonly Path[], fastest: Path, now: number): Path | undefined {
    const { constants } = this;
    let oldest: Path | undefined;
    for (const path of paths) {
      const isFaster = path !== fastest && ((path.latestDelay - fastest.networkDelay) | 0) < 0;
      const name = path.samples === 0 ? 'path-refresh' : isFaster ? 'weight-period' : 'stale-delay';
      if (now - path.lastSent >= constants[name] && (oldest === undefined || path.lastSent < oldest.lastSent))
        oldest = path;
    }
    return oldest;
  }

  /**
   * Algorithm 1, for every period T since it last ran: paths whose queuing delay is above the session's average lose S,
   * the others gain S, within the bounds; one on trial keeps its weight (docs/decisions.md 52). Run when a packet is
   * sent, before paths are added: those begin with 1000/N, however long the session was without them. With
   * `weight-dead-band` a path counts as above the average only when it is by more than that (docs/decisions.md 54). A
   * scheduler keeps the weights itself.
   */
  adjustWeights(session: Session, now: number): void {
    if (this.scheduler !== undefined) return;
    const period = this.constants['weight-period'];
    const due = Math.floor((now - session.weightsAt) / period);
    if (due <= 0) return;
    session.weightsAt += due * period;
    const change = due * this.constants['weight-step'];
    const max = this.constants['weight-max'];
    const min = this.constants['weight-min'];
    let sum = 0;
    for (const path of session.paths) sum += path.queuing;
    const average = sum / session.paths.length + this.constants['weight-dead-band'] / this.tickMicros;
    for (const path of session.paths) {
      if (path.weightAfterwards > 0) continue;
      path.weight = path.queuing <= average ? Math.min(max, path.weight + change) : Math.max(min, path.weight - change);
    }
  }
}

function isUnproven(path: Path): boolean {
  return path.isUnproven;
}

function isProven(path: Path): boolean {
  return !path.isUnproven;
}

/** The path with the lowest real-time delay D; undefined while none was measured. */
export function lowestDelay(paths: readonly Path[]): Path | undefined {
  let best: Path | undefined;
  for (const path of paths) {
    if (path.delay === undefined) continue;
    if (best === undefined || ((path.networkDelay - best.networkDelay) | 0) < 0) best = path;
  }
  return best;
}
