import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'one-heartbeat-for-all-paths',
  defect: 'In each period there is one heartbeat of a session, however many paths wait to be fed back.',
  requirements: ['MPIP-HB-01'],
  killedBy: ['HB-each-path-in-time'],
  apply({ endpoint }) {
    const { heartbeats } = endpoint;
    const { considerHeartbeat } = heartbeats;
    heartbeats.considerHeartbeat = (view, peer, session, sessionId, pathId, layout, now) => {
      if (session !== undefined && now - session.lastSent < endpoint.settings.constants['heartbeat-age']) return;
      considerHeartbeat.call(heartbeats, view, peer, session, sessionId, pathId, layout, now);
    };
  },
};
