import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delay-with-wrong-sign',
  defect: 'The delay is timestamp minus receive time.',
  requirements: ['MPIP-FB-02'],
  killedBy: [],
  apply({ endpoint }) {
    const { addFeedback } = endpoint;
    endpoint.addFeedback = (cm, peer, now) => {
      addFeedback.call(endpoint, cm, peer, now);
      cm.pathDelay = -cm.pathDelay | 0;
    };
  },
};
