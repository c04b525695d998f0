import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'obeys-flags-of-strangers',
  defect: 'A flagged packet moves the session to wherever it came from.',
  requirements: ['MPIP-AD-09'],
  killedBy: ['AD-flag-of-a-stranger'],
  apply(host) {
    const { inbound } = host.endpoint;
    const { receiveAddressChange } = inbound;
    inbound.receiveAddressChange = (view, peer, ...rest) => {
      peer.handshaken.add(view.source);
      receiveAddressChange.call(inbound, view, peer, ...rest);
    };
  },
};
