import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'lists-lost-addresses',
  defect: 'The address list goes on naming addresses that the node lost.',
  requirements: ['MPIP-AD-08', 'MPIP-CM-06'],
  killedBy: ['AD-removed-address-is-gone'],
  apply(host) {
    const { composer } = host.endpoint;
    const { addressList } = composer;
    const all = [...host.addresses];
    composer.addressList = (layout) =>
      host.endpoint.addresses.length < all.length ? all : addressList.call(composer, layout);
  },
};
