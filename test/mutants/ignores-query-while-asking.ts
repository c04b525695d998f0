import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-query-while-asking',
  defect: 'A query from an address that was asked already is dropped, so that crossing queries get stuck.',
  requirements: ['MPIP-AV-13', 'MPIP-AV-05'],
  killedBy: [
    'AV-both-ask-at-once',
    'AV-query-overrides-giving-up',
    'AV-tcp-confirm-copies-next-segment',
    'AV-tcp-confirm-enables',
    'AV-tcp-copied-segment-is-sent',
    'AV-tcp-no-segment-invented',
    'AV-tcp-query-copies-segment',
  ],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const row = endpoint.availability.get(view.source, view.sourcePort);
      const asking = row !== undefined && !row.enabled && row.queries > 0;
      return asking && view.cm.flags === Flags.enable ? false : processCm.call(endpoint.inbound, view, now);
    };
  },
};
