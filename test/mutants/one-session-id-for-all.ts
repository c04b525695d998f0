import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'one-session-id-for-all',
  defect: 'Every session of a peer gets the same id.',
  requirements: ['MPIP-SS-02'],
  killedBy: [],
  apply({ endpoint }) {
    const { create } = endpoint.sessions;
    endpoint.sessions.create = (peer, protocol, tuple, now) => {
      const session = create.call(endpoint.sessions, peer, protocol, tuple, now);
      if (session !== undefined) session.id = 1;
      return session;
    };
  },
};
