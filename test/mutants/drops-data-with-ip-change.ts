import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'drops-data-with-ip-change',
  defect: 'Packets with the flag ip-change are dropped like those of MPIP itself.',
  requirements: ['MPIP-CM-07', 'MPIP-AD-06'],
  killedBy: [
    'AD-first-packet-is-flagged',
    'AD-flag-keeps-one-path',
    'AD-session-survives',
    'CM-data-flags-delivered',
    'RX-own-node-id-changes-nothing',
  ],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { flags } = view.cm;
      return processCm.call(endpoint.inbound, view, now) && flags !== Flags.ipChange;
    };
  },
};
