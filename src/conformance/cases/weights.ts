import type { Micros } from '../link.js';
import type { Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';

/** What cases about Algorithm 1 are made of (section 3.6.1): delays that are fed back, and the shares that weights give. */

/** A delay that no queue of an idle path brings about, microseconds. */
export const CONGESTED = 20_000;
/** Answers from which a share is worked out. */
const SAMPLES = 128;
/** Packets that a path may get besides its share, as one that was unused for long. */
const EXTRA = 2;

/** A weight between two bounds. */
export interface Weight {
  readonly low: number;
  readonly high: number;
}

/** Periods of Algorithm 1 from equal weights to the largest, and a few more. */
export function settling(t: Tester, paths: number): number {
  const { 'weight-max': max, 'weight-step': step } = t.constants;
  return Math.ceil((max - max / paths) / step) + 4;
}

/** Time that cases wait which begin with the largest weights: `periods` after them, for up to four paths. */
export const waiting =
  (periods: number) => (constants: Record<'weight-period' | 'weight-max' | 'weight-step', number>) =>
    (Math.ceil((0.75 * constants['weight-max']) / constants['weight-step']) + 4 + periods) * constants['weight-period'];

export function ticks(t: Tester, micros: Micros): number {
  return Math.round(micros / t.profile.tickMicros);
}

/**
 * A mesh whose paths all have the same delay and the largest weight. Of the two, `base` is what was fed back. With
 * `firstSample` the first delay of the first path is higher by so much.
 */
export async function settled(
  t: Tester,
  base = t.random.below(2 ** 31) - 2 ** 30,
  firstSample = 0,
): Promise<{ mesh: Mesh; base: number }> {
  const mesh = await Mesh.open(t);
  if (firstSample > 0) await mesh.feed(mesh.pathIds[0]!, base + firstSample);
  for (const id of mesh.pathIds) mesh.delays.set(id, base);
  for (let i = 0; i < 3; i++) await mesh.feedAll();
  await mesh.pass(settling(t, mesh.paths.size));
  return { mesh, base };
}

/** From when to when something began: from before the first packet that caused it to the last answer. */
export interface Change {
  readonly from: Micros;
  readonly to: Micros;
}

/** Sets the delay of one path and feeds it back at once. */
export async function change(t: Tester, mesh: Mesh, pathId: number, delay: number, times = 3): Promise<Change> {
  const from = t.now();
  mesh.delays.set(pathId, delay);
  for (let i = 0; i < times; i++) await mesh.feed(pathId, delay);
  return { from, to: t.now() };
}

/** Periods of Algorithm 1 that have passed since a change, when `answers` were sent between `from` and now. */
export function periodsSince(t: Tester, since: Change, from: Micros): Weight {
  const period = t.constants['weight-period'];
  return {
    low: Math.max(0, Math.floor((from - since.to) / period) - 1),
    high: Math.ceil((t.now() - since.from) / period) + 1,
  };
}

/** A weight after falling from `weight`, or rising from it, for some periods. */
export function moved(t: Tester, weight: Weight, direction: 1 | -1, { low, high }: Weight): Weight {
  const { 'weight-max': max, 'weight-min': min, 'weight-step': step } = t.constants;
  const bound = (value: number) => Math.min(max, Math.max(min, value));
  const [least, most] = direction > 0 ? [low, high] : [-high, -low];
  return { low: bound(weight.low + least * step), high: bound(weight.high + most * step) };
}

export const leastOf = (t: Tester): Weight => ({ low: t.constants['weight-min'], high: t.constants['weight-min'] });
export const largest = (t: Tester): Weight => ({ low: t.constants['weight-max'], high: t.constants['weight-max'] });

/** Packets enough for shares, and when the first of them was sent. */
export async function measure(mesh: Mesh, t: Tester): Promise<{ answers: Observed[]; from: Micros }> {
  const from = t.now();
  const answers = await mesh.burst(Math.min(480, SAMPLES * mesh.paths.size));
  return { answers, from };
}

/** Fails the case unless the packets on one path are as many as its weight among the others' asks for. */
export function requireShare(
  mesh: Mesh,
  t: Tester,
  answers: readonly Observed[],
  pathId: number,
  weight: Weight,
  others: Weight,
  code: string,
  text: string,
): string {
  const rest = mesh.paths.size - 1;
  const low = weight.low / (weight.low + rest * others.high);
  const high = weight.high / (weight.high + rest * others.low);
  const { least, most } = mesh.bounds(answers, low, high, 4);
  const packets = answers.filter((answer) => cmOf(answer).pathId === pathId);
  const share = `${packets.length} of ${answers.length} packets`;
  t.require(packets.length >= least - EXTRA && packets.length <= most + EXTRA, code, text, {
    expected: `${Math.max(0, least - EXTRA)} to ${most + EXTRA} of ${answers.length} packets on path ${pathId} (weight ${words(weight)} of those of ${rest} more with ${words(others)})`,
    seen: share,
    packet: packets.at(-1) ?? answers.at(-1)!,
    field: 'pathId',
  });
  return share;
}

/** How the weight of a path must have moved. */
interface Movement {
  /** When it began to. */
  readonly since: Change;
  readonly code: string;
  readonly text: string;
  /** What it was before; default the largest. */
  readonly weight?: Weight;
  /** What the others have; default the largest. */
  readonly others?: Weight;
  /** Default -1: it falls. */
  readonly direction?: 1 | -1;
}

/** Fails the case unless the share of a path shows that its weight moved by a step in each period since a change. */
export async function requireMoved(
  t: Tester,
  mesh: Mesh,
  pathId: number,
  { since, code, text, weight = largest(t), others = largest(t), direction = -1 }: Movement,
): Promise<{ share: string; last: Observed }> {
  const { answers, from } = await measure(mesh, t);
  const now = moved(t, weight, direction, periodsSince(t, since, from));
  return { share: requireShare(mesh, t, answers, pathId, now, others, code, text), last: answers.at(-1)! };
}

function words({ low, high }: Weight): string {
  return low === high ? `${low}` : `${low} to ${high}`;
}
