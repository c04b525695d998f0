import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'changes-without-flag',
  defect: 'After a change of its addresses the node sends without ip-change.',
  requirements: ['MPIP-AD-01'],
  killedBy: ['AD-own-change-is-flagged'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { isFlagged } = addressChange;
    addressChange.isFlagged = (session) => {
      isFlagged.call(addressChange, session);
      return false;
    };
  },
};
