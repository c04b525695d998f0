import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delivers-queries',
  defect: 'Queries and confirmations are delivered to the application after processing.',
  requirements: ['MPIP-AV-12', 'MPIP-CM-07'],
  killedBy: [
    'CM-control-flags-not-delivered',
    'CM-first-query-not-delivered',
    'PA-address-as-seen',
    'RX-own-node-id-changes-nothing',
    'SS-adopts-by-any-path',
    'SS-adopts-our-id',
    'SS-each-connection-its-session',
    'SS-equal-ids-of-two-nodes',
    'SS-path-from-one-when-shared',
  ],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { flags } = view.cm;
      return processCm.call(endpoint.inbound, view, now) || flags === Flags.enable || flags === Flags.enabled;
    };
  },
};
