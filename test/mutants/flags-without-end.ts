import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'flags-without-end',
  defect: 'The flag of an address change is carried until the path was fed back, however many packets that takes.',
  requirements: ['MPIP-AD-10'],
  killedBy: ['AD-own-flag-ends'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { isFlagged } = addressChange;
    addressChange.isFlagged = (session) => {
      if (session.flaggedLeft > 0 && session.flaggedLeft < 6) session.flaggedLeft = 5;
      return isFlagged.call(addressChange, session);
    };
  },
};
