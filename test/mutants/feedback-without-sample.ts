import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'feedback-without-sample',
  defect: 'With no sample the delay field holds the clock.',
  requirements: ['MPIP-FB-05'],
  killedBy: ['FB-none-without-sample'],
  apply({ endpoint }) {
    const { addFeedback } = endpoint.composer;
    endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(endpoint.composer, cm, peer, now);
      if (cm.feedbackPathId === 0) cm.pathDelay = cm.timestamp | 0 || 1;
    };
  },
};
