import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'one-delay-for-all-paths',
  defect: 'The delay that is fed back is the last one measured, whatever path it is of.',
  kind: 'confusion',
  apply(host) {
    let last = 0;
    const { measure } = host.endpoint.measurements;
    host.endpoint.measurements.measure = (peer, pathId, ...rest) => {
      measure.call(host.endpoint.measurements, peer, pathId, ...rest);
      last = peer.feedback.get(pathId)?.delay ?? last;
    };
    const { addFeedback } = host.endpoint.composer;
    host.endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(host.endpoint.composer, cm, peer, now);
      if (cm.feedbackPathId !== 0) cm.pathDelay = last;
    };
  },
};
