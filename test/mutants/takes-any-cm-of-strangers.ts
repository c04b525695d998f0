import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-any-cm-of-strangers',
  defect: 'Whatever ends like a CM is one, also when no unknown node can begin with it.',
  requirements: ['MPIP-CK-04'],
  killedBy: ['CK-chance-from-unknown-node'],
  apply({ endpoint }) {
    endpoint.inbound.isAcceptable = () => true;
  },
};
