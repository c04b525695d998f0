import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeat-beside-fresh-feedback',
  defect: 'Heartbeats come by the clock, whether answers carry feedback or not.',
  requirements: ['MPIP-HB-04'],
  killedBy: ['HB-none-while-feedback-fresh'],
  apply({ endpoint }) {
    const beaten = new Map<object, number>();
    const { considerHeartbeat } = endpoint.heartbeats;
    const { constants } = endpoint.settings;
    endpoint.heartbeats.considerHeartbeat = (view, peer, session, sessionId, pathId, layout, now) => {
      const age = constants['heartbeat-age'];
      const row = peer.feedback.get(pathId);
      if (row === undefined || now - (beaten.get(row) ?? row.since) < age) return;
      beaten.set(row, now);
      constants['heartbeat-age'] = 0;
      considerHeartbeat.call(endpoint.heartbeats, view, peer, session, sessionId, pathId, layout, now);
      constants['heartbeat-age'] = age;
    };
  },
};
