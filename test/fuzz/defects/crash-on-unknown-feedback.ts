import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-unknown-feedback',
  defect: 'Feedback for a path that does not exist is added to it.',
  kind: 'crash',
  like: 'R9',
  apply(host) {
    const { applyFeedback } = host.endpoint.measurements;
    host.endpoint.measurements.applyFeedback = (peer, pathId, delay, now) => {
      if (peer.paths.get(pathId)!.id !== pathId) throw new TypeError('Not this path');
      applyFeedback.call(host.endpoint.measurements, peer, pathId, delay, now);
    };
  },
};
