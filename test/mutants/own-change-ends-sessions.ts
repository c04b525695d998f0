import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'own-change-ends-sessions',
  defect: "A change of its addresses ends the node's sessions.",
  requirements: ['MPIP-AD-01', 'MPIP-AD-05', 'MPIP-SS-08'],
  killedBy: ['AD-own-change-is-flagged'],
  apply(host) {
    const { endpoint } = host;
    const { setAddresses } = endpoint;
    endpoint.setAddresses = (addresses, now) => {
      setAddresses.call(endpoint, addresses, now);
      for (const session of [...endpoint.sessions.rows()]) endpoint.endSession(session, now);
    };
  },
};
