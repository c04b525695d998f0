import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'whole-delay-taken-for-queuing',
  defect: 'The delay itself is compared with the average, not what is above the minimum.',
  requirements: ['MPIP-SE-06'],
  killedBy: ['SE-constant-delay-is-no-congestion'],
  apply(host) {
    const { selection } = host.endpoint.state;
    selection.adjustWeights = (session, now) => {
      const due = Math.floor((now - session.weightsAt) / 100_000);
      if (due <= 0) return;
      session.weightsAt += due * 100_000;
      const first = session.paths[0]?.networkDelay ?? 0;
      const delays = session.paths.map((path) => (path.networkDelay - first) | 0);
      const average = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
      session.paths.forEach((path, i) => {
        path.weight =
          delays[i]! <= average ? Math.min(1000, path.weight + 10 * due) : Math.max(1, path.weight - 10 * due);
      });
    };
  },
};
