import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeat-for-every-packet',
  defect: 'Every data packet is answered with a heartbeat at once.',
  requirements: ['MPIP-HB-04', 'MPIP-CM-03'],
  killedBy: ['CM-feedback-only-piggybacked', 'HB-none-while-feedback-fresh', 'HB-rate'],
  apply({ endpoint }) {
    const { considerHeartbeat } = endpoint.heartbeats;
    endpoint.heartbeats.considerHeartbeat = (view, peer, session, sessionId, pathId, layout, now) => {
      const constants = endpoint.settings.constants;
      const age = constants['heartbeat-age'];
      constants['heartbeat-age'] = 0;
      considerHeartbeat.call(endpoint.heartbeats, view, peer, session, sessionId, pathId, layout, now);
      constants['heartbeat-age'] = age;
    };
  },
};
