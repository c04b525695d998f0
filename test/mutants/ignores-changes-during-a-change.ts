import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-changes-during-a-change',
  defect: 'While one change of the peer is flagged no other one is obeyed.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-change-during-a-change'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { resetByPeer } = addressChange;
    addressChange.resetByPeer = (session, change, locals, now) =>
      !(session.isChanging && session.changesSeen !== undefined) &&
      resetByPeer.call(addressChange, session, change, locals, now);
  },
};
