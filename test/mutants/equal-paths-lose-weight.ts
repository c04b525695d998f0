import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'equal-paths-lose-weight',
  defect: 'A path whose queuing delay equals the average loses weight as one above it.',
  requirements: ['MPIP-SE-03'],
  killedBy: [
    'FB-drift-does-not-matter',
    'SE-equal-queuing-raises-all',
    'SE-path-recovers',
    'SE-weight-falls-by-step-per-period',
  ],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      const before = session.paths.map((path) => path.weight);
      const isEqual = session.paths.every((path) => path.queuing === session.paths[0]!.queuing);
      adjustWeights.call(selection, session, now);
      if (!isEqual) return;
      session.paths.forEach((path, i) => {
        path.weight = Math.max(1, 2 * before[i]! - path.weight);
      });
    };
  },
};
