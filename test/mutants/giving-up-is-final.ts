import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'giving-up-is-final',
  defect: 'What comes from an address that was given up is no longer looked at for a CM.',
  requirements: ['MPIP-AV-20'],
  killedBy: ['AV-confirm-overrides-giving-up', 'AV-query-overrides-giving-up'],
  apply({ endpoint }) {
    const { isAcceptable } = endpoint.inbound;
    endpoint.inbound.isAcceptable = (view) => {
      const row = endpoint.availability.get(view.source, view.sourcePort);
      if (row !== undefined && !row.enabled && !endpoint.handshake.mayQuery(row)) return false;
      return isAcceptable.call(endpoint.inbound, view);
    };
  },
};
