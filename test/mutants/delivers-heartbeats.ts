import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delivers-heartbeats',
  defect: 'Heartbeats are delivered to the application after processing.',
  requirements: ['MPIP-HB-03', 'MPIP-CM-07'],
  killedBy: ['CM-control-flags-not-delivered', 'CM-first-query-not-delivered'],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { flags } = view.cm;
      return processCm.call(endpoint.inbound, view, now) || flags === Flags.heartbeat;
    };
  },
};
