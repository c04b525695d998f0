import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'feeds-back-lowest-path-first',
  defect: 'Of the paths with a new sample the one with the lowest id is fed back.',
  requirements: ['MPIP-FB-04'],
  killedBy: ['FB-oldest-feedback-first'],
  apply({ endpoint }) {
    endpoint.composer.addFeedback = (cm, peer, now) => {
      const fresh = [...peer.feedback.rows()].filter((row) => row.fresh).sort((a, b) => a.pathId - b.pathId);
      const row = fresh[0];
      cm.feedbackPathId = row?.pathId ?? 0;
      cm.pathDelay = row?.delay ?? 0;
      if (row === undefined) return;
      row.fresh = false;
      row.feedbackTime = now;
    };
  },
};
