import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'feedback-of-other-nodes-paths',
  defect: 'Where a node has nothing to be fed back, it gets what another has.',
  kind: 'confusion',
  like: 'R9',
  apply(host) {
    const { addFeedback } = host.endpoint.composer;
    host.endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(host.endpoint.composer, cm, peer, now);
      if (cm.feedbackPathId !== 0) return;
      for (const [, other] of host.endpoint.nodes.rows()) {
        if (other === peer || cm.feedbackPathId !== 0) continue;
        addFeedback.call(host.endpoint.composer, cm, other, now);
      }
    };
  },
};
