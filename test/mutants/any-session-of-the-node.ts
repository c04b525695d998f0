import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'any-session-of-the-node',
  defect: 'Data on a path is delivered to the session of its node that was used first, whatever its id.',
  requirements: ['MPIP-RX-01', 'MPIP-RX-03'],
  killedBy: ['RX-answers-follow-the-session', 'RX-unknown-session-goes-nowhere-else'],
  apply({ endpoint }) {
    const { received } = endpoint.sessionRules;
    endpoint.sessionRules.received = (view, peer, id, pathId, now) => {
      const [first] = peer.sessions.values();
      return pathId !== 0 && first !== undefined
        ? first
        : received.call(endpoint.sessionRules, view, peer, id, pathId, now);
    };
  },
};
