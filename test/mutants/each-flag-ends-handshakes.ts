import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'each-flag-ends-handshakes',
  defect: 'Every packet with ip-change ends the fake handshakes of its session, also one of a change that was obeyed.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-handshake-outlives-repeated-flags'],
  apply({ endpoint: { fakeTcp, pathChoice } }) {
    const { obeyChange } = pathChoice;
    pathChoice.obeyChange = (session, ...change) => {
      obeyChange.call(pathChoice, session, ...change);
      fakeTcp.forget(session);
    };
  },
};
