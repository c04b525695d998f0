import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'stays-with-one-path',
  defect: 'After an address change no path is added any more.',
  requirements: ['MPIP-AD-04'],
  killedBy: [
    'AD-fake-paths-come-back',
    'AD-handshake-outlives-repeated-flags',
    'AD-other-address-lost',
    'AD-paths-come-back',
  ],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    addressChange.settledByPeer = () => {};
  },
};
