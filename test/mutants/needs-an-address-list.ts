import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'needs-an-address-list',
  defect: 'A CM without addresses is taken for none.',
  requirements: ['MPIP-CM-07'],
  killedBy: ['CM-any-address-list'],
  apply({ endpoint }) {
    const { isAcceptable } = endpoint.inbound;
    endpoint.inbound.isAcceptable = (view) =>
      view.cm.localAddresses.some((address) => address !== 0) && isAcceptable.call(endpoint.inbound, view);
  },
};
