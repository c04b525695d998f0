import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-confirmations',
  defect: 'A confirmation does not enable its sender.',
  requirements: ['MPIP-AV-11'],
  killedBy: ['AV-confirm-enables', 'AV-confirm-overrides-giving-up'],
  apply({ endpoint }) {
    const { isAcceptable } = endpoint.inbound;
    endpoint.inbound.isAcceptable = (view) => isAcceptable.call(endpoint.inbound, view);
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      if (view.cm.flags !== Flags.enabled || endpoint.availability.get(view.source, view.sourcePort)?.enabled)
        return processCm.call(endpoint.inbound, view, now);
      return false;
    };
  },
};
