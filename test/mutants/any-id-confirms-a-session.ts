import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'any-id-confirms-a-session',
  defect: 'A connection counts as known to both ends although the peer calls it by another id.',
  requirements: ['MPIP-PA-09'],
  killedBy: ['SS-both-begin-higher-loses'],
  apply({ endpoint }) {
    const { sessionRules } = endpoint.state;
    const { confirm } = sessionRules;
    sessionRules.confirm = (session) => confirm.call(sessionRules, session, session.id);
  },
};
