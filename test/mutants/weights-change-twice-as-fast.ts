import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'weights-change-twice-as-fast',
  defect: 'A period changes a weight by twice the granularity.',
  requirements: ['MPIP-SE-03', 'MPIP-SE-05'],
  killedBy: ['SE-equal-queuing-raises-all', 'SE-weight-falls-by-step-per-period'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      const before = session.weightsAt;
      adjustWeights.call(selection, session, now);
      const settled = session.weightsAt;
      if (settled === before) return;
      session.weightsAt = before;
      adjustWeights.call(selection, session, now);
    };
  },
};
