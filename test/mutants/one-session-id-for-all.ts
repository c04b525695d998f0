import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'one-session-id-for-all',
  defect: 'Every session of a peer gets the same id.',
  requirements: ['MPIP-SS-02'],
  killedBy: [
    'HB-does-not-refresh-session',
    'MT-connections-are-sessions-of-their-own',
    'MT-each-connection-has-its-own-paths',
    'SS-expires',
    'SS-id-for-two-connections-higher-loses',
    'SS-id-for-two-connections-lower-wins',
    'SS-new-id-for-new-session',
    'SS-own-ids-avoid-ours',
    'SS-path-zero-after-expiry',
    'SS-protocol-is-part-of-a-session',
  ],
  apply({ endpoint }) {
    const { create } = endpoint.sessions;
    endpoint.sessions.create = (peer, protocol, tuple, now) => {
      const session = create.call(endpoint.sessions, peer, protocol, tuple, now);
      if (session !== undefined) session.id = 1;
      return session;
    };
  },
};
