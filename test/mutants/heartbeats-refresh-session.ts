import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeats-refresh-session',
  defect: 'Heartbeats keep a session alive.',
  requirements: ['MPIP-HB-06'],
  killedBy: ['HB-does-not-refresh-session'],
  apply({ endpoint }) {
    endpoint.sessionRules.refresh = (session, _flags, now) => {
      session.updateTime = now;
    };
  },
};
