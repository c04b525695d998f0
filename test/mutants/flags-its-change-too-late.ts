import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'flags-its-change-too-late',
  defect: 'The flag of a change of its addresses begins with the third packet after it.',
  requirements: ['MPIP-AD-01'],
  killedBy: ['AD-own-change-is-flagged'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { isFlagged } = addressChange;
    const waiting = new WeakMap<object, number>();
    addressChange.isFlagged = (session) => {
      if (session.flaggedLeft === 0) return isFlagged.call(addressChange, session);
      const count = (waiting.get(session) ?? 0) + 1;
      waiting.set(session, count);
      return count < 3 ? false : isFlagged.call(addressChange, session);
    };
  },
};
