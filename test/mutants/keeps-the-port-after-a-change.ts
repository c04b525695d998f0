import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'keeps-the-port-after-a-change',
  defect: 'After a flagged packet from another port of the same address the port before is still used.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-other-port'],
  apply({ endpoint }) {
    const { addressChange } = endpoint.state;
    const { resetByPeer } = addressChange;
    addressChange.resetByPeer = (session, change, ...rest) => {
      const isReset = resetByPeer.call(addressChange, session, change, ...rest);
      if (isReset && change.back.destination === session.tuple.destination) session.isRemoteLost = false;
      return isReset;
    };
  },
};
