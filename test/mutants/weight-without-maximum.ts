import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'weight-without-maximum',
  defect: 'A weight goes on rising above 1000 while the path is free.',
  requirements: ['MPIP-SE-04'],
  killedBy: ['SE-path-recovers', 'SE-weight-has-a-maximum'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      const before = session.paths.map((path) => path.weight);
      const { weightsAt } = session;
      adjustWeights.call(selection, session, now);
      const step = 10 * Math.floor((session.weightsAt - weightsAt) / 100_000);
      session.paths.forEach((path, i) => {
        if (before[i]! + step <= 1000) return;
        const average = session.paths.reduce((sum, { queuing }) => sum + queuing, 0) / session.paths.length;
        path.weight = path.queuing <= average ? before[i]! + step : Math.max(1, before[i]! - step);
      });
    };
  },
};
