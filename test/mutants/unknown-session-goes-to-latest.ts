import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'unknown-session-goes-to-latest',
  defect: 'Data of an unknown session is delivered to the session that was begun last.',
  requirements: ['MPIP-RX-01', 'MPIP-RX-03'],
  killedBy: ['RX-unknown-session-goes-nowhere-else'],
  apply({ endpoint }) {
    const { received } = endpoint.sessionRules;
    endpoint.sessionRules.received = (view, peer, id, pathId, now) => {
      const latest = [...peer.sessions.values()].at(-1);
      if (pathId !== 0 && !peer.sessions.has(id) && latest !== undefined) return latest;
      return received.call(endpoint.sessionRules, view, peer, id, pathId, now);
    };
  },
};
