import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'higher-node-wins-ids',
  defect: 'Of two ids chosen at once that of the higher node id wins.',
  requirements: ['MPIP-SS-03'],
  killedBy: [
    'SS-both-begin-higher-loses',
    'SS-both-begin-lower-wins',
    'SS-id-for-two-connections-higher-loses',
    'SS-id-for-two-connections-lower-wins',
  ],
  apply({ endpoint }) {
    const { losesTo } = endpoint.sessionRules;
    endpoint.sessionRules.losesTo = (peer) => !losesTo.call(endpoint.sessionRules, peer);
  },
};
