import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'keeps-sending-to-old-address',
  defect: 'An address that the peer left is used again as soon as the flag ends.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-fake-paths-come-back', 'AD-old-address-unused', 'AD-other-port'],
  apply(host) {
    const { mesh, addressChange } = host.endpoint.state;
    const { remotes } = mesh;
    const { resetByPeer } = addressChange;
    addressChange.resetByPeer = (session, ...rest) => {
      const isReset = resetByPeer.call(addressChange, session, ...rest);
      session.isRemoteLost = false;
      return isReset;
    };
    mesh.remotes = (session) => {
      const { destination, destinationPort } = session.tuple;
      const list = remotes.call(mesh, session);
      return list.some((one) => one.destination === destination) ? list : [{ destination, destinationPort }, ...list];
    };
  },
};
