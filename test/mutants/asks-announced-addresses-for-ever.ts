import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'asks-announced-addresses-for-ever',
  defect: 'Queries to addresses that a peer announces are not counted.',
  requirements: ['MPIP-AV-14'],
  killedBy: ['AV-query-limit-of-announced-address'],
  apply({ endpoint }) {
    const { handshake } = endpoint;
    const { sendQuery } = handshake;
    handshake.sendQuery = (row, tuple, layout, now) => {
      const { queries } = row;
      sendQuery.call(handshake, row, tuple, layout, now);
      row.queries = Math.max(1, queries);
    };
  },
};
