import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'answers-confirmations',
  defect: 'A confirmation is confirmed in turn.',
  requirements: ['MPIP-AV-13'],
  killedBy: ['AV-repeated-confirmations', 'HB-none-for-control-packets'],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { flags, layout } = view.cm;
      if (flags === Flags.enabled) endpoint.handshake.receiveQuery(view, layout, now);
      return processCm.call(endpoint.inbound, view, now);
    };
  },
};
