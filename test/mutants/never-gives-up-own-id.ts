import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-gives-up-own-id',
  defect: 'An id of its own is kept even where the other node is lower.',
  requirements: ['MPIP-SS-03'],
  killedBy: ['SS-both-begin-lower-wins', 'SS-id-for-two-connections-lower-wins'],
  apply({ endpoint }) {
    endpoint.sessionRules.losesTo = () => false;
  },
};
