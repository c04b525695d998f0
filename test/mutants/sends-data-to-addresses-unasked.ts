import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-data-to-addresses-unasked',
  defect: 'An announced address carries user data at once, without having answered a query.',
  requirements: ['MPIP-PA-10'],
  killedBy: [
    'AD-flag-keeps-one-path',
    'AD-flag-of-a-stranger',
    'AD-old-address-unused',
    'AD-other-port',
    'AD-same-change-resets-once',
    'PA-address-as-seen',
    'PA-announced-address-has-to-answer',
  ],
  apply(host) {
    const { mesh } = host.endpoint.state;
    mesh.isUsable = () => true;
  },
};
