import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeat-without-feedback',
  defect: 'Heartbeats carry no feedback.',
  requirements: ['MPIP-HB-02'],
  killedBy: ['HB-each-path-in-time', 'HB-form'],
  apply({ endpoint }) {
    const { considerHeartbeat } = endpoint.heartbeats;
    const { addFeedback } = endpoint.composer;
    endpoint.heartbeats.considerHeartbeat = (...all) => {
      endpoint.composer.addFeedback = (cm, peer, now) => {
        addFeedback.call(endpoint.composer, cm, peer, now);
        cm.feedbackPathId = 0;
        cm.pathDelay = 0;
      };
      considerHeartbeat.apply(endpoint.heartbeats, all);
      endpoint.composer.addFeedback = addFeedback;
    };
  },
};
