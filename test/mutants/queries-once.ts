import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queries-once',
  defect: 'One query is sent instead of as many as the threshold.',
  requirements: ['MPIP-AV-14'],
  killedBy: ['AV-query-limit'],
  apply({ endpoint }) {
    endpoint.handshake.mayQuery = (row) => row.queries < 1;
  },
};
