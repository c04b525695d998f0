import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'lists-peers-addresses',
  defect: "The address list holds an address that is not the node's own.",
  requirements: ['MPIP-CM-06'],
  killedBy: [
    'AD-own-change-is-flagged',
    'AD-own-session-survives',
    'CM-address-list',
    'HS-client-syn-on-every-path',
    'PA-mesh-of-all-addresses',
    'TX-source-is-own-address',
  ],
  apply({ endpoint }) {
    endpoint.composer.addressList = () => [0x0a000001];
  },
};
