import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'session-id-of-the-last-packet',
  defect: 'Answers carry the session id of whatever data came last.',
  kind: 'confusion',
  apply(host) {
    let last = 0;
    onCm(host, ({ cm }) => {
      if (cm.sessionId !== 0 && cm.layout === 'compact') last = cm.sessionId;
    });
    const { addFeedback } = host.endpoint.composer;
    host.endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(host.endpoint.composer, cm, peer, now);
      if (cm.sessionId !== 0 && cm.layout === 'compact' && last !== 0) cm.sessionId = last;
    };
  },
};
