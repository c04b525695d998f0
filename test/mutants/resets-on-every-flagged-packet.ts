import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'resets-on-every-flagged-packet',
  defect: 'Each flagged packet resets the connection, also for the same change.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-handshake-outlives-repeated-flags', 'AD-same-change-resets-once'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { resetByPeer } = addressChange;
    addressChange.resetByPeer = (session, change, locals, now) => {
      session.changesSeen = undefined;
      return resetByPeer.call(addressChange, session, change, locals, now);
    };
  },
};
