import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeat-without-feedback',
  defect: 'Heartbeats carry no feedback.',
  requirements: ['MPIP-HB-02'],
  killedBy: ['HB-form'],
  apply({ endpoint }) {
    const { considerHeartbeat, addFeedback } = endpoint;
    endpoint.considerHeartbeat = (...all) => {
      endpoint.addFeedback = (cm, peer, now) => {
        addFeedback.call(endpoint, cm, peer, now);
        cm.feedbackPathId = 0;
        cm.pathDelay = 0;
      };
      considerHeartbeat.apply(endpoint, all);
      endpoint.addFeedback = addFeedback;
    };
  },
};
