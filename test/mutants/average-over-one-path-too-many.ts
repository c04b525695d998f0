import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'average-over-one-path-too-many',
  defect: 'The sum of the queuing delays is divided by one more than the number of paths.',
  requirements: ['MPIP-SE-03', 'MPIP-FB-09'],
  killedBy: ['FB-drift-does-not-matter'],
  apply(host) {
    const { selection } = host.endpoint.state;
    selection.adjustWeights = (session, now) => {
      const due = Math.floor((now - session.weightsAt) / 100_000);
      if (due <= 0) return;
      session.weightsAt += due * 100_000;
      const average = session.paths.reduce((sum, path) => sum + path.queuing, 0) / (session.paths.length + 1);
      for (const path of session.paths) {
        path.weight =
          path.queuing <= average ? Math.min(1000, path.weight + 10 * due) : Math.max(1, path.weight - 10 * due);
      }
    };
  },
};
