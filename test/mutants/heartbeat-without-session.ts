import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeat-without-session',
  defect: 'Heartbeats carry session id 0.',
  requirements: ['MPIP-HB-02'],
  killedBy: ['HB-form', 'SS-each-connection-its-session'],
  apply({ endpoint }) {
    const { considerHeartbeat } = endpoint.inbound;
    endpoint.inbound.considerHeartbeat = (view, peer, session, _sessionId, pathId, layout, now) =>
      considerHeartbeat.call(endpoint.inbound, view, peer, session, 0, pathId, layout, now);
  },
};
