import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'path-before-session-is-shared',
  defect: 'Paths are used from the first packet of a session on.',
  requirements: ['MPIP-PA-09'],
  killedBy: ['SS-id-for-two-connections-lower-wins', 'SS-path-zero-after-expiry', 'SS-path-zero-announces'],
  apply({ endpoint }) {
    const { toSend } = endpoint.sessionRules;
    endpoint.sessionRules.toSend = (row, tuple, protocol, now) => {
      const session = toSend.call(endpoint.sessionRules, row, tuple, protocol, now);
      if (session === undefined) return session;
      session.confirmed = true;
      for (const path of session.paths) path.isUnproven = false;
      return session;
    };
  },
};
