import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'paths-outlive-their-session',
  defect: 'The paths of an expired session are taken over by its successor.',
  requirements: ['MPIP-SS-06', 'MPIP-PA-09'],
  killedBy: ['SS-id-for-two-connections-lower-wins', 'SS-path-zero-after-expiry'],
  apply({ endpoint }) {
    const { create } = endpoint.sessions;
    const before = new Set<string>();
    endpoint.sessions.create = (peer, protocol, tuple, now) => {
      const session = create.call(endpoint.sessions, peer, protocol, tuple, now);
      const name = JSON.stringify(tuple);
      if (session !== undefined && before.has(name)) session.confirmed = true;
      before.add(name);
      return session;
    };
  },
};
