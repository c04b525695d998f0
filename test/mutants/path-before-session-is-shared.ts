import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'path-before-session-is-shared',
  defect: 'Paths are used from the first packet of a session on.',
  requirements: ['MPIP-PA-09'],
  killedBy: ['SS-id-for-two-connections-lower-wins', 'SS-path-zero-after-expiry', 'SS-path-zero-announces'],
  apply({ endpoint }) {
    const { sessionToSend } = endpoint;
    endpoint.sessionToSend = (row, tuple, protocol, now) => {
      const session = sessionToSend.call(endpoint, row, tuple, protocol, now);
      if (session !== undefined) endpoint.sessions.addOriginalPath(session, now);
      return session;
    };
  },
};
