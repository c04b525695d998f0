import { setTimeout } from 'node:timers/promises';
import { answered, callServer } from './call.js';
import { conditions, late } from './conditions.js';
import { type Experiment, equalClaim, orderClaim, ratioGoal } from './experiment.js';
import { observed, thinned } from './measurements.js';
import { rounded } from './results.js';

const BESIDE = 'transfer beside it, Mbit/s';

/** Figures 5(a) and 5(b). */
export const AUDIO: readonly Experiment[] = [
  {
    name: 'fig5-audio',
    title: 'A call beside a transfer',
    source: 'Figure 5(a), 5(b), 4.3',
    about:
      'Datagrams of 168 octets, 50 a second and answered, beside a TCP transfer, over 2 Mbit/s with 50 ms and 300 kbit/s with 20 ms each way, with queues of 120 ms; with the rule for packets below 200 octets and without. The median of the round trips of all datagrams.',
    capacityMbps: 2.3,
    unit: 'ms',
    conditions: conditions(
      {
        a1: { rate: 2, queue: 30_000, out: late(50), in: late(50) },
        a2: { rate: 0.3, queue: 4_500, out: late(20), in: late(20) },
      },
      { absent: ['b2'] },
    ),
    contenders: () => [
      { id: 'off', label: 'no rule', node: { mode: 'fake-tcp' } },
      { id: 'on', label: 'small-packet rule', node: { mode: 'fake-tcp', smallPacketRule: true } },
      {
        id: 'on-fresh',
        label: 'and stale-delay 500 ms',
        node: { mode: 'fake-tcp', smallPacketRule: true, both: ['--set', 'stale-delay=500ms'] },
      },
    ],
    seconds: 32,
    settle: 8,
    measure: (bench) =>
      answered(bench, async () => {
        const transferring = observed(bench);
        await setTimeout(bench.settle * 1000);
        const report = await callServer(bench, bench.seconds - 2);
        const { result, samples } = await transferring;
        return {
          value: report.medianMillis,
          figures: {
            'mean, ms': report.meanMillis,
            '95th percentile, ms': report.p95Millis,
            'lost, %': report.lossPercent,
            [BESIDE]: result.megabits,
          },
          samples: thinned(samples),
          received: result.received.map(rounded),
          interval: 0.25,
        };
      }),
    paper: { off: 119, on: 82 },
    goal: ratioGoal('with the rule at most 0.7 of the round trip without', ['on', 'on-fresh'], 'off', { atMost: 0.7 }),
    claims: [
      orderClaim('the rule lowers the delay of the call (EV-06)', 'on', 'off', 0.03, -1),
      (systems) => {
        const as = (id: string) =>
          systems[id] === undefined ? undefined : { ...systems[id], median: systems[id].figures[BESIDE] ?? Number.NaN };
        const bulk = Object.fromEntries(['on', 'off'].flatMap((id) => (as(id) === undefined ? [] : [[id, as(id)!]])));
        return equalClaim('and leaves the transfer unharmed', 'on', 'off', 0.15)(bulk);
      },
    ],
  },
];
