import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-confirmations',
  defect: 'A confirmation does not enable its sender.',
  requirements: ['MPIP-AV-11'],
  killedBy: ['AV-confirm-enables', 'AV-confirm-overrides-giving-up'],
  apply({ endpoint }) {
    const { isAcceptable } = endpoint;
    endpoint.isAcceptable = (view) => isAcceptable.call(endpoint, view);
    const { processCm } = endpoint;
    endpoint.processCm = (view, now) => {
      if (view.cm.flags !== Flags.enabled || endpoint.availability.get(view.source, view.sourcePort)?.enabled)
        return processCm.call(endpoint, view, now);
      return false;
    };
  },
};
