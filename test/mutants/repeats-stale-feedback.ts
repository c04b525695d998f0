import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'repeats-stale-feedback',
  defect: 'With no new sample the last one is fed back again.',
  requirements: ['MPIP-EX-01'],
  killedBy: ['FB-stale-sample-not-repeated'],
  apply({ endpoint }) {
    const last = new Map<object, { pathId: number; delay: number }>();
    const { addFeedback } = endpoint.composer;
    endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(endpoint.composer, cm, peer, now);
      if (cm.feedbackPathId !== 0) last.set(peer, { pathId: cm.feedbackPathId, delay: cm.pathDelay });
      cm.feedbackPathId = last.get(peer)?.pathId ?? 0;
      cm.pathDelay = last.get(peer)?.delay ?? 0;
    };
  },
};
