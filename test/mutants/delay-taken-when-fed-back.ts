import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delay-taken-when-fed-back',
  defect: 'The delay is worked out when the feedback is sent, not when the sample arrived.',
  requirements: ['MPIP-FB-02'],
  killedBy: ['FB-delay-taken-on-receipt'],
  apply({ endpoint }) {
    const arrived = new Map<string, number>();
    const { measure } = endpoint.measurements;
    const { addFeedback } = endpoint.composer;
    const tick = endpoint.settings.profile.tickMicros;
    endpoint.measurements.measure = (peer, pathId, timestamp, now) => {
      measure.call(endpoint.measurements, peer, pathId, timestamp, now);
      arrived.set(`${peer.nodeId} ${pathId}`, now);
    };
    endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(endpoint.composer, cm, peer, now);
      const since = now - (arrived.get(`${peer.nodeId} ${cm.feedbackPathId}`) ?? now);
      cm.pathDelay = (cm.pathDelay + Math.floor(since / tick)) | 0;
    };
  },
};
