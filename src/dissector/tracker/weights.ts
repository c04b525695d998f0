import { CONSTANTS } from '../../codec/index.js';
import { Path, type Paths, PathValue, PathWeight } from './paths.js';
import { Direction, DirectionTime, type Sessions } from './sessions.js';

const PERIOD = CONSTANTS['weight-period'].default;
const STEP = CONSTANTS['weight-step'].default;
const MIN = CONSTANTS['weight-min'].default;
const MAX = CONSTANTS['weight-max'].default;
const MOST_PERIODS = Math.ceil((MAX - MIN) / STEP);
/** Paths that are first used within this time were created together, microseconds. */
const TOGETHER = 1_000_000;
/** A path on which nothing was sent for so long no longer counts, microseconds. */
const UNUSED = 5_000_000;

/**
 * Algorithm 1 (paper, section 3.6.1) over the delays that the capture shows fed back: the weights that a sender which follows the
 * paper with its default S and T would have. Paths of one session and sender; what ran before the capture began is not known.
 */
export function adjustWeights(paths: Paths, sessions: Sessions, direction: number, time: number): void {
  const times = sessions.directions;
  const due = Math.floor((time - times.double(direction, DirectionTime.weightsAt)) / PERIOD);
  if (due <= 0) return;
  times.addDouble(direction, DirectionTime.weightsAt, due * PERIOD);
  const { columns } = paths;
  let sum = 0;
  let count = 0;
  for (let path = first(sessions, direction); path >= 0; path = columns.int(path, Path.nextOfDirection) - 1) {
    if (!takesPart(paths, path, time)) continue;
    sum += paths.queuing(path);
    count++;
  }
  const average = sum / count;
  const change = Math.min(due, MOST_PERIODS) * STEP;
  for (let path = first(sessions, direction); path >= 0; path = columns.int(path, Path.nextOfDirection) - 1) {
    if (!takesPart(paths, path, time)) continue;
    const weight = columns.single(path, PathWeight.weight);
    columns.setSingle(
      path,
      PathWeight.weight,
      paths.queuing(path) <= average ? Math.min(MAX, weight + change) : Math.max(MIN, weight - change),
    );
  }
}

/**
 * Gives a path that joins those of its direction 1000/N. Paths first used within a second of each other are taken as created together,
 * when all get it; later ones find the others' weights changed (docs/decisions.md 22).
 */
export function joinPath(paths: Paths, sessions: Sessions, direction: number, joining: number, time: number): void {
  const { columns } = paths;
  let count = 0;
  for (let path = first(sessions, direction); path >= 0; path = columns.int(path, Path.nextOfDirection) - 1) {
    if (path === joining || takesPart(paths, path, time)) count++;
  }
  columns.setSingle(joining, PathWeight.weight, MAX / count);
  const since = sessions.directions.double(direction, DirectionTime.firstPath);
  if (time - since >= TOGETHER) return;
  sessions.directions.setDouble(direction, DirectionTime.weightsAt, time);
  for (let path = first(sessions, direction); path >= 0; path = columns.int(path, Path.nextOfDirection) - 1)
    columns.setSingle(path, PathWeight.weight, MAX / count);
}

/** True for a path that its sender chooses among: it has an id and is in use. */
export function takesPart(paths: Paths, path: number, time: number): boolean {
  const { columns } = paths;
  return paths.pathId(path) !== 0 && time - columns.double(path, PathValue.last) < UNUSED;
}

function first(sessions: Sessions, direction: number): number {
  return sessions.directions.int(direction, Direction.paths) - 1;
}
