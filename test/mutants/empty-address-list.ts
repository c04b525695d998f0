import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'empty-address-list',
  defect: 'The address list is always empty.',
  requirements: ['MPIP-CM-02', 'MPIP-CM-06'],
  killedBy: ['CM-address-list', 'CM-fields', 'TX-source-is-own-address'],
  apply({ endpoint }) {
    endpoint.composer.addressList = () => [];
  },
};
