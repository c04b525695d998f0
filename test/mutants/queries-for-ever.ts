import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queries-for-ever',
  defect: 'Queries do not stop at the threshold.',
  requirements: ['MPIP-AV-14', 'MPIP-AV-15'],
  killedBy: [
    'AV-ordinary-after-giving-up',
    'AV-query-limit',
    'AV-query-limit-of-announced-address',
    'GEN-ordinary-traffic-unharmed',
  ],
  apply({ endpoint }) {
    endpoint.handshake.mayQuery = () => true;
  },
};
