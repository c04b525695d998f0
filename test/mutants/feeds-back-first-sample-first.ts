import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'feeds-back-first-sample-first',
  defect: 'Paths are fed back in the order in which their samples came.',
  requirements: ['MPIP-FB-04'],
  killedBy: ['FB-oldest-feedback-first', 'HB-each-path-in-time'],
  apply({ endpoint }) {
    const order = new Map<object, number>();
    const { measure } = endpoint.measurements;
    endpoint.measurements.measure = (peer, pathId, timestamp, now) => {
      measure.call(endpoint.measurements, peer, pathId, timestamp, now);
      order.set(peer.feedback.get(pathId)!, order.size === 0 ? 0 : Math.max(...order.values()) + 1);
    };
    endpoint.composer.addFeedback = (cm, peer, now) => {
      const fresh = [...peer.feedback.rows()].filter((row) => row.fresh).sort((a, b) => order.get(a)! - order.get(b)!);
      const row = fresh[0];
      cm.feedbackPathId = row?.pathId ?? 0;
      cm.pathDelay = row?.delay ?? 0;
      if (row === undefined) return;
      row.fresh = false;
      row.feedbackTime = now;
    };
  },
};
