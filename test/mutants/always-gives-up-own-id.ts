import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'always-gives-up-own-id',
  defect: 'An id of its own is given up even where the other node is higher.',
  requirements: ['MPIP-SS-03'],
  killedBy: ['SS-both-begin-higher-loses', 'SS-id-for-two-connections-higher-loses'],
  apply({ endpoint }) {
    endpoint.sessionRules.losesTo = () => true;
  },
};
