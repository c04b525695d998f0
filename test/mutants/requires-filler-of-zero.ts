import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'requires-filler-of-zero',
  defect: 'A trailer whose filler octet is not 0 is not taken for one.',
  requirements: ['MPIP-CK-01'],
  killedBy: ['CK-filler-unseen'],
  apply({ endpoint }) {
    const { isAcceptable } = endpoint.inbound;
    endpoint.inbound.isAcceptable = (view) => (view.cm.filler ?? 0) === 0 && isAcceptable.call(endpoint.inbound, view);
  },
};
