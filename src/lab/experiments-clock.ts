import { answered, callServer } from './call.js';
import { conditions } from './conditions.js';
import { MPIP } from './contenders.js';
import type { Contender, Experiment, Systems } from './experiment.js';
import { tcpGoodput } from './measurements.js';
import type { Sample } from './nodes.js';
import type { Judgement } from './results.js';

/** Parts per million by which the server's clock is fast in this experiment: a day of the paper's drift in an hour. */
const DRIFT = 200;

const drifting: Contender = {
  id: 'drift',
  label: `server ${DRIFT} ppm fast, 1 s ahead`,
  node: { mode: 'fake-tcp', server: ['--clock-drift', String(DRIFT), '--clock-offset', '1s'] },
};

/** Microseconds a second by which the delays of all paths grow: the slope of a straight line through the samples. */
export function slopeOf(samples: readonly Sample[], from: number): number {
  const points = samples.flatMap(({ time, paths }) => {
    const delays = paths.flatMap(({ delay }) => (delay === null ? [] : [delay]));
    return time < from || delays.length === 0 ? [] : [[time, Math.min(...delays)] as const];
  });
  const mean = (pick: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + pick(point), 0) / Math.max(1, points.length);
  const [t, d] = [mean(([time]) => time), mean(([, delay]) => delay)];
  const over = points.reduce((sum, [time, delay]) => sum + (time - t) * (delay - d), 0);
  const under = points.reduce((sum, [time]) => sum + (time - t) ** 2, 0);
  return under === 0 ? Number.NaN : over / under;
}

function figureOf(systems: Systems, id: string, name: string): number | undefined {
  return systems[id]?.figures[name];
}

const SLOPE = 'growth of the delays, µs a second';
const SPREAD = 'largest share of a path, %';

/** Section 4.1. */
export const CLOCK: readonly Experiment[] = [
  {
    name: 'fig2a-clock',
    title: 'Clocks that differ',
    source: 'Figure 2(a), 4.1',
    about:
      "The server's clock is fast and ahead: one-way delays grow, on all paths alike (seen in a call, which fills no queue), and a TCP connection reaches the same.",
    capacityMbps: 200,
    unit: 'Mbit/s',
    conditions: conditions({ a1: { rate: 20 }, a2: { rate: 20 } }),
    contenders: () => [{ ...MPIP, id: 'mpip', label: 'clocks alike' }, drifting],
    seconds: 10,
    settle: 6,
    async measure(bench) {
      // A call fills no queue and is answered, so that every delay is fed back at once: what grows is the clock.
      const steady = await answered(bench, async () => {
        const stop = await bench.nodes?.sample(500);
        await callServer(bench, bench.seconds);
        return (await stop?.()) ?? [];
      });
      const run = await tcpGoodput(bench);
      const shares = Object.entries(run.figures).flatMap(([name, value]) => (name.startsWith('share') ? [value] : []));
      return {
        ...run,
        figures: { ...run.figures, [SLOPE]: slopeOf(steady, 1), [SPREAD]: Math.max(...shares) },
      };
    },
    claims: [
      (systems): Judgement => {
        const text = 'drift of the clocks shows as growing delays';
        const [still, moving] = [figureOf(systems, 'mpip', SLOPE), figureOf(systems, 'drift', SLOPE)];
        if (still === undefined || moving === undefined) return { text, verdict: 'not measured', numbers: '' };
        const numbers = `${moving.toFixed(0)} µs a second with ${DRIFT} ppm, ${still.toFixed(0)} without`;
        const isSeen = Math.abs(moving - still - DRIFT) < DRIFT / 2;
        return { text, verdict: isSeen ? 'reproduced' : 'not reproduced', numbers };
      },
      (systems): Judgement => {
        const text = 'neither offset nor drift changes what a connection reaches (FB-08, FB-09)';
        const [one, other] = [systems.mpip?.median, systems.drift?.median];
        if (one === undefined || other === undefined) return { text, verdict: 'not measured', numbers: '' };
        const numbers = `${one.toFixed(1)} and ${other.toFixed(1)} Mbit/s`;
        return { text, verdict: Math.abs(other / one - 1) < 0.1 ? 'reproduced' : 'not reproduced', numbers };
      },
    ],
  },
];
