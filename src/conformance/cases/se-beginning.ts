import type { TestCase } from '../case.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';
import {
  type Change,
  CONGESTED,
  change,
  measure,
  moved,
  periodsSince,
  requireMoved,
  ticks,
  type Weight,
} from './weights.js';

/** Periods for which a session is without paths; weights that rose meanwhile would be far from where they begin. */
const WITHOUT_PATHS = 50;
/** Periods that a congested path is given: too few from the largest weight, nearly all that it takes from 1000/N. */
const FALLING = 45;
/** The same for a path of four. */
const FALLING_OF_FOUR = 26;

/** How long a session of the peer is without paths, microseconds: no longer than it lives. */
const pauseOf = (constants: Record<'weight-period' | 'session-expiry', number>) =>
  Math.min(WITHOUT_PATHS * constants['weight-period'], 0.6 * constants['session-expiry']);

/** Where weights are that began equal at some time between those of `since`. */
function begun(t: Tester, paths: number, since: Change, now: Change): Weight {
  const first = t.constants['weight-max'] / paths;
  return moved(t, { low: first, high: first }, 1, {
    low: periodsSince(t, since, now.from).low,
    high: periodsSince(t, since, now.to).high,
  });
}

/** Tells of a delay for certain: nothing is known of a path's queue before it has two. */
async function tell(mesh: Mesh, pathId: number, delay: number): Promise<void> {
  mesh.delays.set(pathId, delay);
  await mesh.insist(1, { feedbackPathId: pathId, pathDelay: delay });
}

/** Section 3.6.1: where weights begin, and which paths count before there are delays of all. */
export const SE_BEGINNING_CASES: readonly TestCase[] = [
  {
    id: 'SE-weights-begin-with-the-paths',
    area: 'SE',
    purpose:
      'Weights begin at 1000/N when the paths are there, however long the session was without: a congested path falls from there.',
    requirements: ['MPIP-SE-02'],
    services: ['echo'],
    // Of a peer with one address the paths are added one by one, and those that are there keep their weights.
    capabilities: ['several-addresses'],
    duration: (constants) => pauseOf(constants) + (FALLING + 5) * constants['weight-period'],
    async run(t: Tester) {
      const mesh = await Mesh.begunByPeer(t);
      if (mesh.session.first?.cm?.pathId !== 0)
        t.inconc('path-too-early', 'The peer uses a path before we hold the session: other cases judge that.');
      await t.sleep(Math.round(pauseOf(t.constants)));
      const since = { from: t.now(), to: t.now() };
      await mesh.findPaths();
      if (mesh.paths.size < 2) t.inconc('one-path', 'The peer uses one of its addresses only: other cases judge that.');
      const base = ticks(t, CONGESTED);
      for (const id of mesh.pathIds) await tell(mesh, id, base);
      const bad = mesh.pathIds.at(-1)!;
      await tell(mesh, bad, 2 * base);
      const congested = await change(t, mesh, bad, 2 * base);
      const weight = begun(t, mesh.paths.size, since, congested);
      await mesh.pass(FALLING);
      const { share, last } = await requireMoved(t, mesh, bad, {
        since: congested,
        code: 'began-elsewhere',
        text: 'The session was without paths at first. Their weights begin at 1000 over the number of paths when there are some; the one that is congested from then on must fall from there.',
        weight,
        others: { low: weight.low, high: t.constants['weight-max'] },
      });
      t.pass(`After ${FALLING} periods of congestion the path got ${share}.`, last);
    },
  },
  {
    id: 'SE-path-without-delay-stops-nothing',
    area: 'SE',
    purpose:
      'While some paths have no delay yet the others are judged all the same: a congested one loses weight, an idle one gains.',
    requirements: ['MPIP-SE-03'],
    services: ['echo'],
    sources: 2,
    capabilities: ['several-addresses'],
    duration: (constants) => (FALLING_OF_FOUR + 5) * constants['weight-period'],
    async run(t: Tester) {
      const mesh = await Mesh.together(t);
      const since = { from: t.now(), to: t.now() };
      await mesh.findPaths();
      if (mesh.paths.size < 3) t.inconc('few-paths', 'The peer uses fewer than three paths: other cases judge that.');
      const base = ticks(t, CONGESTED);
      const [idle, bad] = mesh.pathIds as [number, number];
      for (const id of [idle, bad]) await tell(mesh, id, base);
      await tell(mesh, bad, 2 * base);
      const congested = await change(t, mesh, bad, 2 * base);
      const weight = begun(t, mesh.paths.size, since, congested);
      await mesh.pass(FALLING_OF_FOUR);
      const { answers, from } = await measure(mesh, t);
      const passed = periodsSince(t, congested, from);
      const [fallen, risen] = [moved(t, weight, -1, passed), moved(t, weight, 1, passed)];
      const count = (id: number) => answers.filter((answer) => cmOf(answer).pathId === id).length;
      const both = answers.filter(({ cm }) => cm?.pathId === idle || cm?.pathId === bad);
      const { most } = mesh.bounds(both, 0, fallen.high / (fallen.high + risen.low), 1);
      t.require(
        count(bad) <= most,
        'judged-not-at-all',
        'One path is congested and another is not; that no delay was ever fed back for the rest must not keep the weight of the one from falling and that of the other from rising.',
        {
          expected: `at most ${most} of ${both.length} packets on path ${bad}, the others on path ${idle}`,
          seen: count(bad),
          packet: answers.at(-1)!,
          field: 'pathId',
        },
      );
      t.pass(`Path ${bad} got ${count(bad)} packets, path ${idle} ${count(idle)}.`, answers.at(-1)!);
    },
  },
];
