import { ADDRESSES, conditions } from './conditions.js';
import { MPIP, MPTCP, mpipWith, TCP } from './contenders.js';
import type { Experiment } from './experiment.js';
import { ratioGoal } from './experiment.js';
import { transfer } from './iperf.js';
import { observed, stallDuring, tcpGoodput, thinned } from './measurements.js';
import { rounded } from './results.js';
import { HOST_B, linkDown, linkUp, loseBehindRouter, ROUTER } from './testbed.js';

/** Jain's index of some rates: 1 when all are equal, 1/n when one has everything. */
export function fairness(rates: readonly number[]): number {
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const squares = rates.reduce((total, rate) => total + rate * rate, 0);
  return squares === 0 ? Number.NaN : (sum * sum) / (rates.length * squares);
}

/** What the paper does not measure and users ask for. */
export const BEYOND: readonly Experiment[] = [
  {
    name: 'nic-loss',
    title: "The connection's interface goes down and comes back",
    source: 'beyond the paper; 3.4',
    about:
      "In mid-transfer the client's first interface, the connection's own, goes down; six seconds later it comes back. The longest time in which the application gets nothing.",
    capacityMbps: 200,
    unit: 's',
    conditions: conditions(),
    contenders: (scheduler) => [MPTCP, MPIP, mpipWith(scheduler)],
    seconds: 12,
    settle: 4,
    measure: (bench) =>
      stallDuring(() => [
        { at: bench.settle, happen: () => linkDown('a1') },
        { at: bench.settle + 6, happen: () => linkUp('a1') },
      ])(bench),
    goal: ratioGoal('stalls for less than 1 s', ['mpip', 'mpip-scheduler'], 1, { atMost: 1 }),
  },
  {
    name: 'loss-behind-router',
    title: 'A way fails without a sign',
    source: 'beyond the paper; 3.4',
    about:
      "In mid-transfer the router loses everything of the client's first interface; no link event tells. The longest time in which the application gets nothing.",
    capacityMbps: 200,
    unit: 's',
    conditions: conditions(),
    contenders: (scheduler) => [MPTCP, MPIP, mpipWith(scheduler)],
    seconds: 12,
    settle: 4,
    measure: (bench) =>
      stallDuring(() => [
        { at: bench.settle, happen: () => loseBehindRouter('a1') },
        { at: bench.settle + 10, happen: () => loseBehindRouter('a1', true) },
      ])(bench),
  },
  {
    name: 'fairness',
    title: 'Beside a plain TCP connection',
    source: 'beyond the paper',
    about:
      "A plain TCP connection from the router to the server's first interface shares that link with the connection measured. What the plain one gets of 94 Mbit/s.",
    capacityMbps: 200,
    unit: 'Mbit/s',
    conditions: conditions(),
    contenders: (scheduler) => [TCP, MPTCP, MPIP, mpipWith(scheduler)],
    seconds: 8,
    settle: 6,
    async measure(bench) {
      const { seconds, settle } = bench;
      const plain = transfer({ address: ADDRESSES.b1, seconds, settle, from: ROUTER, to: HOST_B, port: 5301 });
      const { result, samples } = await observed(bench);
      const other = await plain;
      return {
        value: other.megabits,
        figures: {
          'the connection measured, Mbit/s': result.megabits,
          "Jain's index of the two": fairness([result.megabits, other.megabits]),
        },
        samples: thinned(samples),
        received: result.received.map(rounded),
        interval: 0.25,
      };
    },
  },
  {
    name: 'ten-sessions',
    title: 'Ten connections at once',
    source: 'beyond the paper',
    about: 'Ten TCP connections side by side: what they reach together.',
    capacityMbps: 200,
    unit: 'Mbit/s',
    conditions: conditions(),
    contenders: (scheduler) => [TCP, MPTCP, MPIP, mpipWith(scheduler)],
    seconds: 8,
    settle: 6,
    async measure(bench) {
      const { result, samples } = await observed(bench, { streams: 10 });
      return {
        value: result.megabits,
        figures: { "Jain's index of the ten": fairness(result.streams), retransmits: result.retransmits },
        samples: thinned(samples),
        received: result.received.map(rounded),
        interval: 0.25,
      };
    },
  },
  {
    name: 'processor',
    title: 'What a gigabit costs',
    source: 'beyond the paper',
    about: 'No rate limit: what the nodes carry, and the processor time of both nodes for each gigabit.',
    capacityMbps: 0,
    unit: 'Mbit/s',
    conditions: conditions({ a1: { rate: 0 }, a2: { rate: 0 }, b1: { rate: 0 }, b2: { rate: 0 } }),
    contenders: (scheduler) => [
      MPIP,
      { ...MPIP, id: 'mpip-wrapper', label: 'MPIP, UDP wrapper', node: { mode: 'udp-wrapper' } },
      mpipWith(scheduler),
    ],
    seconds: 6,
    settle: 3,
    measure: tcpGoodput,
  },
];
