import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'clamps-negative-delays',
  defect: 'A negative delay is fed back as 0.',
  requirements: ['MPIP-FB-06'],
  killedBy: [],
  apply({ endpoint }) {
    const { addFeedback } = endpoint;
    endpoint.addFeedback = (cm, peer, now) => {
      addFeedback.call(endpoint, cm, peer, now);
      cm.pathDelay = Math.max(0, cm.pathDelay);
    };
  },
};
