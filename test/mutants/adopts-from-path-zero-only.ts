import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'adopts-from-path-zero-only',
  defect: 'A session is adopted only from a packet with path id 0.',
  requirements: ['MPIP-SS-04'],
  killedBy: ['AD-first-packet-is-flagged', 'SS-adopts-by-any-path'],
  apply({ endpoint }) {
    const { received } = endpoint.sessionRules;
    endpoint.sessionRules.received = (view, peer, id, pathId, now) => {
      if (pathId !== 0 && endpoint.sessions.byId(peer, id, now) === undefined) return undefined;
      return received.call(endpoint.sessionRules, view, peer, id, pathId, now);
    };
  },
};
