import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'feedback-of-all-nodes-shares-rows',
  defect: 'Delays are kept by path id alone: every node gets the latest.',
  kind: 'confusion',
  like: 'R9',
  apply(host) {
    const latest = new Map<number, number>();
    const { measure } = host.endpoint.measurements;
    host.endpoint.measurements.measure = (peer, pathId, ...rest) => {
      measure.call(host.endpoint.measurements, peer, pathId, ...rest);
      const row = peer.feedback.get(pathId);
      if (row !== undefined) latest.set(pathId, row.delay);
    };
    const { addFeedback } = host.endpoint.composer;
    host.endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(host.endpoint.composer, cm, peer, now);
      if (cm.feedbackPathId !== 0) cm.pathDelay = latest.get(cm.feedbackPathId) ?? cm.pathDelay;
    };
  },
};
