import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'listed-addresses-outlive-a-change',
  defect: 'An address that the peer does not list any more after its change is still taken for its own.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-other-address-lost'],
  apply({ endpoint }) {
    const { addressChange } = endpoint.state;
    const { resetByPeer } = addressChange;
    addressChange.resetByPeer = (session, ...rest) => {
      const before = [...session.peer.announced];
      const isReset = resetByPeer.call(addressChange, session, ...rest);
      for (const address of before) session.peer.announced.add(address);
      return isReset;
    };
  },
};
