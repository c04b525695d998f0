import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'feedback-shared-by-all-nodes',
  defect: 'Delays are kept per path id only, so that nodes get those of others.',
  requirements: ['MPIP-FB-02'],
  killedBy: ['FB-measured-on-every-flag', 'FB-per-node'],
  apply({ endpoint }) {
    const { measure } = endpoint.measurements;
    const { addFeedback } = endpoint.composer;
    const latest = new Map<number, number>();
    let lastPath = 0;
    endpoint.measurements.measure = (peer, pathId, timestamp, now) => {
      measure.call(endpoint.measurements, peer, pathId, timestamp, now);
      latest.set(pathId, peer.feedback.get(pathId)!.delay);
      lastPath = pathId;
    };
    endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(endpoint.composer, cm, peer, now);
      cm.feedbackPathId ||= lastPath;
      cm.pathDelay = latest.get(cm.feedbackPathId) ?? 0;
      lastPath = 0;
    };
  },
};
