import type { TestCase } from '../case.js';
import type { Observed } from '../observed.js';
import { cmOf, type Tester } from '../tester.js';
import { Mesh } from './mesh.js';
import {
  CONGESTED,
  change,
  largest,
  leastOf,
  measure,
  requireMoved,
  requireShare,
  settled,
  settling,
  ticks,
  waiting,
} from './weights.js';

const NO_FEEDBACK = { feedbackPathId: 0, pathDelay: 0 };

/** Section 3.6.1: the tester feeds delays back and so drives the peer's weights (Algorithm 1). */
export const SE_DELAYS_CASES: readonly TestCase[] = [
  {
    id: 'SE-congested-path-loses-weight',
    area: 'SE',
    purpose:
      'A path whose queuing delay is above the average loses its share down to almost nothing; the others share the rest.',
    requirements: ['MPIP-SE-03'],
    services: ['echo'],
    duration: waiting(110),
    async run(t: Tester) {
      const { mesh, base } = await settled(t);
      const [bad] = mesh.pathIds as [number];
      await change(t, mesh, bad, base + ticks(t, CONGESTED));
      await mesh.pass(104);
      const { answers } = await measure(mesh, t);
      const least = leastOf(t);
      const share = requireShare(
        mesh,
        t,
        answers,
        bad,
        least,
        largest(t),
        'congested-path-used',
        'For 100 periods the peer was told of a queuing delay on one path alone; its weight must have fallen to the least.',
      );
      for (const id of mesh.pathIds) {
        if (id === bad) continue;
        const low = (mesh.paths.size - 2) * t.constants['weight-max'] + t.constants['weight-max'] * 1.01;
        const { least: fewest } = mesh.bounds(answers, t.constants['weight-max'] / low, 1, 4 * mesh.paths.size);
        const count = answers.filter((answer) => cmOf(answer).pathId === id).length;
        t.require(
          count >= fewest,
          'free-path-starved',
          'Of the paths without queuing delay one gets less than its equal share.',
          {
            expected: `at least ${fewest} of ${answers.length} packets on path ${id}`,
            seen: count,
            packet: answers.at(-1)!,
            field: 'pathId',
          },
        );
      }
      t.pass(`The congested path got ${share}.`, answers.at(-1)!);
    },
  },
  {
    id: 'SE-weight-falls-by-step-per-period',
    area: 'SE',
    purpose:
      'The weight of a congested path falls linearly, by S in each period T (the granularity and period in force).',
    requirements: ['MPIP-SE-03', 'MPIP-SE-05'],
    services: ['echo'],
    duration: waiting(180),
    async run(t: Tester) {
      const { mesh, base } = await settled(t);
      // Once more: at half the slope the weights would not be at the largest yet.
      await mesh.pass(settling(t, mesh.paths.size));
      const bad = mesh.pathIds.at(-1)!;
      const since = await change(t, mesh, bad, base + ticks(t, CONGESTED));
      const shares: string[] = [];
      const shown: Observed[] = [];
      for (const periods of [45, 43]) {
        await mesh.pass(periods);
        const { share, last } = await requireMoved(t, mesh, bad, {
          since,
          code: 'other-slope',
          text: `The weight of a congested path falls by ${t.constants['weight-step']} every ${t.constants['weight-period'] / 1000} ms, and its share with it.`,
        });
        shares.push(share);
        shown.push(last);
      }
      t.pass(`The congested path got ${shares.join(', then ')}.`, ...shown);
    },
  },
  {
    id: 'SE-equal-queuing-raises-all',
    area: 'SE',
    purpose:
      'Equal queuing delays on all paths raise every weight to the largest: a path congested afterwards falls from there.',
    requirements: ['MPIP-SE-03'],
    services: ['echo'],
    duration: waiting(52),
    async run(t: Tester) {
      const { mesh, base } = await settled(t);
      const [bad] = mesh.pathIds as [number];
      const since = await change(t, mesh, bad, base + ticks(t, CONGESTED));
      // From 1000/N, where all began, the path would be down by now.
      await mesh.pass(45);
      const { share, last } = await requireMoved(t, mesh, bad, {
        since,
        code: 'not-raised',
        text: 'While no path has more queuing delay than the average all weights rise; the path that then became congested did not begin at the largest weight.',
      });
      t.pass(`After 45 periods of congestion the path still got ${share}.`, last);
    },
  },
  {
    id: 'SE-path-recovers',
    area: 'SE',
    purpose: 'A path whose delay falls again gets its share back, a step in each period.',
    requirements: ['MPIP-SE-07', 'MPIP-SE-04'],
    services: ['echo'],
    duration: waiting(210),
    async run(t: Tester) {
      const { mesh, base } = await settled(t);
      const bad = mesh.pathIds.at(-1)!;
      await change(t, mesh, bad, base + ticks(t, CONGESTED));
      // Far longer than it takes from the largest weight to the least: one without bounds would be far below by then.
      await mesh.pass(140);
      // Below what it was before, so that the minimum is met and the queuing delay is 0, however the average is formed.
      const since = await change(t, mesh, bad, base - ticks(t, CONGESTED), 12);
      await mesh.pass(50);
      const { share, last } = await requireMoved(t, mesh, bad, {
        since,
        code: 'no-recovery',
        text: 'The delay of the congested path fell below what it was at first; from the least weight, which is 1, it must have risen by a step in each period.',
        weight: leastOf(t),
        direction: 1,
      });
      t.pass(`After 50 periods the path got ${share} again.`, last);
    },
  },
  {
    id: 'SE-weight-has-a-maximum',
    area: 'SE',
    purpose:
      'No weight rises above the largest: after a long time without congestion a path still falls to the least in time.',
    requirements: ['MPIP-SE-04'],
    services: ['echo'],
    duration: waiting(200),
    async run(t: Tester) {
      const { mesh, base } = await settled(t);
      await mesh.pass(100);
      const [bad] = mesh.pathIds as [number];
      const since = await change(t, mesh, bad, base + ticks(t, CONGESTED));
      await mesh.pass(90);
      const { share, last } = await requireMoved(t, mesh, bad, {
        since,
        code: 'no-maximum',
        text: `Weights end at ${t.constants['weight-max']}; a path that was free for long must not take longer to lose its share.`,
      });
      t.pass(`90 periods after a long time without congestion the path got ${share}.`, last);
    },
  },
  {
    id: 'SE-constant-delay-is-no-congestion',
    area: 'SE',
    purpose: 'A path with a large but constant delay keeps its equal share: only what is above its own minimum counts.',
    requirements: ['MPIP-SE-06'],
    services: ['echo'],
    duration: waiting(20),
    async run(t: Tester) {
      const mesh = await Mesh.open(t);
      const far = mesh.pathIds.at(-1)!;
      for (const id of mesh.pathIds) mesh.delays.set(id, id === far ? ticks(t, 400_000) : ticks(t, 1_000));
      for (let i = 0; i < 3; i++) await mesh.feedAll();
      await mesh.pass(settling(t, mesh.paths.size));
      const { answers } = await measure(mesh, t);
      const share = requireShare(
        mesh,
        t,
        answers,
        far,
        largest(t),
        largest(t),
        'delay-taken-for-queuing',
        'One path has a delay of 400 ms that never changes: no queuing delay, so that it keeps an equal share.',
      );
      t.pass(`The far path got ${share}.`, answers.at(-1)!);
    },
  },
  {
    id: 'SE-minimum-over-all-time',
    area: 'SE',
    purpose: 'The minimum delay is that over all time: congestion that lasts does not become the normal state.',
    requirements: ['MPIP-SE-06'],
    services: ['echo'],
    duration: waiting(270),
    async run(t: Tester) {
      // The first delay is not the lowest: the path was congested when it was new.
      const { mesh, base } = await settled(t, undefined, ticks(t, CONGESTED));
      const [bad] = mesh.pathIds as [number];
      await change(t, mesh, bad, base + ticks(t, CONGESTED), 40);
      await mesh.pass(160);
      // Lower again, but not as low as at first: a minimum of the recent past would take this for an idle path.
      await change(t, mesh, bad, base + ticks(t, CONGESTED / 2));
      await mesh.pass(100);
      const { answers } = await measure(mesh, t);
      const least = leastOf(t);
      const share = requireShare(
        mesh,
        t,
        answers,
        bad,
        least,
        largest(t),
        'minimum-forgotten',
        'The delay of one path rose, stayed high for 160 periods and fell by half; what it was at first is still its minimum, so that it stays congested.',
      );
      t.pass(`The path that is congested for long got ${share}.`, answers.at(-1)!);
    },
  },
  {
    id: 'SE-per-connection',
    area: 'SE',
    purpose:
      'The average is that of one connection: a path is congested compared with its own session, whatever happens in another.',
    requirements: ['MPIP-SE-10'],
    services: ['echo'],
    duration: waiting(100),
    async run(t: Tester) {
      const node = t.node();
      const other = await Mesh.open(t, { node });
      const mesh = await Mesh.open(t, { node });
      for (const id of other.pathIds) other.delays.set(id, 0);
      for (const id of mesh.pathIds) mesh.delays.set(id, 0);
      for (let i = 0; i < 3; i++) {
        await other.feedAll();
        await mesh.feedAll();
      }
      const both = async (periods: number) => await mesh.pass(periods, () => other.send());
      await both(settling(t, mesh.paths.size));
      // Everything in the other session has far more queuing delay than the one path of this session.
      for (const id of other.pathIds) await change(t, other, id, ticks(t, 50 * CONGESTED));
      const bad = mesh.pathIds.at(-1)!;
      const since = await change(t, mesh, bad, ticks(t, CONGESTED));
      await both(90);
      const { share, last } = await requireMoved(t, mesh, bad, {
        since,
        code: 'average-of-other-session',
        text: 'One path is congested compared with the others of its session, and must lose weight, although the paths of another session have far more queuing delay.',
      });
      t.pass(`The congested path got ${share}.`, last);
    },
  },
  {
    id: 'FB-outliers-are-smoothed',
    area: 'FB',
    purpose: 'Single samples far above the others move the delay by a part only: a moving average.',
    requirements: ['MPIP-FB-07'],
    services: ['echo'],
    duration: waiting(110),
    async run(t: Tester) {
      const { mesh, base } = await settled(t);
      const [jumping, ...others] = mesh.pathIds as [number, ...number[]];
      mesh.delays.delete(jumping);
      for (const id of others) mesh.delays.set(id, base + ticks(t, CONGESTED));
      for (let i = 0; i < 40; i++) await mesh.feedAll();
      const tell = (delay: number) => mesh.send({ feedbackPathId: jumping, pathDelay: (base + delay) | 0 });
      await mesh.pass(90, () => {
        // What a period that is over asks for is done with the packet before: with the outlier as the last sample.
        mesh.send(NO_FEEDBACK);
        tell(0);
        tell(ticks(t, 1.1 * CONGESTED));
      });
      const { answers } = await measure(mesh, t);
      const count = answers.filter((answer) => cmOf(answer).pathId === jumping).length;
      // Averaged with any factor up to 0.8 the jumping delay is the smaller one: its path gains and the others fall.
      const { least } = mesh.bounds(answers, 0.6, 1);
      t.require(
        count >= least,
        'not-smoothed',
        'The delay of one path jumps between none and an outlier with each sample, that of the others is nearly as high as the outlier all the time. A moving average takes the jumping one for the smaller.',
        {
          expected: `at least ${least} of ${answers.length} packets on path ${jumping}`,
          seen: count,
          packet: answers.at(-1)!,
          field: 'pathId',
        },
      );
      t.pass(`The path with outliers got ${count} of ${answers.length} packets.`, answers.at(-1)!);
    },
  },
  {
    id: 'FB-offset-does-not-matter',
    area: 'FB',
    purpose:
      'Delays are compared modulo 2^32: a congested path is found when the fed delays pass from the largest to the smallest number.',
    requirements: ['MPIP-FB-08'],
    services: ['echo'],
    duration: waiting(100),
    async run(t: Tester) {
      const rise = ticks(t, CONGESTED);
      const { mesh, base } = await settled(t, 2 ** 31 - Math.round(rise / 2));
      const bad = mesh.pathIds.at(-1)!;
      const since = await change(t, mesh, bad, base + rise);
      await mesh.pass(90);
      const { share, last } = await requireMoved(t, mesh, bad, {
        since,
        code: 'offset-matters',
        text: 'The delay of one path rose; with the offset between the clocks the numbers went from 2^31 - 1 to -2^31. The path must lose weight as with any other offset.',
      });
      t.pass(`The congested path got ${share}.`, last);
    },
  },
  {
    id: 'FB-drift-does-not-matter',
    area: 'FB',
    purpose: 'Delays that rise on all paths alike, as by a drifting clock, change no share.',
    requirements: ['MPIP-FB-09'],
    services: ['echo'],
    duration: waiting(150),
    async run(t: Tester) {
      const { mesh, base } = await settled(t);
      // 0.1 % fast, ten times what a bad clock does: 100 µs in each period.
      for (let round = 1; round <= 110; round++) {
        // A period that is over is worked off with this packet, while all paths are told the same.
        await mesh.burst(1, NO_FEEDBACK);
        for (const id of mesh.pathIds) mesh.delays.set(id, base + ticks(t, 100 * round));
        await mesh.feedAll();
        await t.sleep(t.constants['weight-period']);
      }
      const [bad] = mesh.pathIds as [number];
      const since = await change(t, mesh, bad, base + ticks(t, 11_000 + CONGESTED));
      await mesh.pass(20);
      // All at the largest still, but for what a boundary between periods in the middle of a round may have cost.
      const { 'weight-max': max, 'weight-step': step } = t.constants;
      // A delay that was lost leaves its path behind the others until the next round.
      const before = { low: Math.max(max / 2, max - (20 + 2 * mesh.uncertain) * step), high: max };
      const { share, last } = await requireMoved(t, mesh, bad, {
        since,
        code: 'drift-matters',
        text: 'The clocks drift apart, on all paths alike, for 110 periods: no path is worse than the others. 20 periods after one became congested the shares must show the weights that all had before.',
        weight: before,
        others: before,
      });
      t.pass(`Twenty periods after the drift the path that became congested got ${share}.`, last);
    },
  },
];
