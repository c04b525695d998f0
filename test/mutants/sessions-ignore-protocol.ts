import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sessions-ignore-protocol',
  defect: 'TCP and UDP on equal addresses and ports share a session.',
  requirements: ['MPIP-SS-10'],
  killedBy: ['SS-protocol-is-part-of-a-session'],
  apply(host) {
    const { sessions } = host.endpoint;
    const { byTuple } = sessions;
    sessions.byTuple = (tuple, protocol, now) =>
      byTuple.call(sessions, tuple, protocol, now) ?? byTuple.call(sessions, tuple, protocol === 6 ? 17 : 6, now);
  },
};
