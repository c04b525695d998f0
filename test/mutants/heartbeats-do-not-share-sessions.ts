import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeats-do-not-share-sessions',
  defect: 'A heartbeat is no sign that the peer holds the session.',
  requirements: ['MPIP-HB-08'],
  killedBy: ['HB-one-way-traffic-becomes-multipath'],
  apply(host) {
    const { heartbeats } = host.endpoint;
    const { receiveHeartbeat } = heartbeats;
    heartbeats.receiveHeartbeat = (view, peer, sessionId, now, pathId) => {
      const session = peer.sessions.get(sessionId);
      const confirmed = session?.confirmed;
      receiveHeartbeat.call(heartbeats, view, peer, sessionId, now, pathId);
      if (session !== undefined && confirmed === false) session.confirmed = false;
    };
  },
};
