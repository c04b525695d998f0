import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'stays-with-one-path',
  defect: 'After an address change no path is added any more.',
  requirements: ['MPIP-AD-04'],
  killedBy: ['AD-paths-come-back'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    addressChange.settledByPeer = () => {};
  },
};
