import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sessions-by-id-only',
  defect: 'A session is found by its id alone, whichever node the packet comes from.',
  requirements: ['MPIP-SS-05', 'MPIP-RX-01', 'MPIP-RX-03'],
  killedBy: [
    'RX-unknown-node-goes-nowhere-else',
    'SS-equal-ids-of-two-nodes',
    'SS-id-for-two-connections-higher-loses',
    'SS-id-for-two-connections-lower-wins',
  ],
  apply({ endpoint }) {
    const { received } = endpoint.sessionRules;
    endpoint.sessionRules.received = (view, peer, id, pathId, now) => {
      for (const session of endpoint.sessions.rows()) if (session.id === id) return session;
      return received.call(endpoint.sessionRules, view, peer, id, pathId, now);
    };
  },
};
