import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeat-without-session',
  defect: 'Heartbeats carry session id 0.',
  requirements: ['MPIP-HB-02'],
  killedBy: ['HB-form', 'SS-each-connection-its-session'],
  apply({ endpoint }) {
    const { considerHeartbeat } = endpoint.heartbeats;
    endpoint.heartbeats.considerHeartbeat = (view, peer, session, _sessionId, pathId, layout, now) =>
      considerHeartbeat.call(endpoint.heartbeats, view, peer, session, 0, pathId, layout, now);
  },
};
