import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'does-not-list-added-addresses',
  defect: 'The address list names the addresses that the node had before it gained one.',
  requirements: ['MPIP-AD-07'],
  killedBy: ['AD-added-address-is-used'],
  apply(host) {
    const { composer } = host.endpoint;
    const { addressList } = composer;
    let fewest: readonly number[] | undefined;
    composer.addressList = (layout) => {
      const list = addressList.call(composer, layout);
      if (list.length < (fewest?.length ?? host.addresses.length)) fewest = [...list];
      return fewest === undefined ? list : list.filter((address) => fewest!.includes(address));
    };
  },
};
