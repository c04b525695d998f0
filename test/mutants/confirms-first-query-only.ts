import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'confirms-first-query-only',
  defect: 'Only the first query from an address and port is confirmed.',
  requirements: ['MPIP-AV-13', 'MPIP-AV-06'],
  killedBy: ['AV-repeated-queries'],
  apply({ endpoint }) {
    const confirmed = new Set<string>();
    const { receiveQuery } = endpoint.handshake;
    endpoint.handshake.receiveQuery = (view, layout, now) => {
      const from = `${view.source}:${view.sourcePort}`;
      if (!confirmed.has(from)) receiveQuery.call(endpoint.handshake, view, layout, now);
      confirmed.add(from);
    };
  },
};
