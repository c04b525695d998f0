import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delivers-handshake-packets',
  defect: 'Packets of the fake handshake are delivered to the application.',
  requirements: ['MPIP-CM-07', 'MPIP-HS-01'],
  killedBy: [
    'CM-control-flags-not-delivered',
    'HS-not-seen-by-tcp',
    'HS-only-an-ack-opens',
    'HS-path-only-after-three-packets',
    'HS-third-packet-of-another-session',
    'HS-wrong-acknowledgement-opens-nothing',
  ],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { flags } = view.cm;
      return processCm.call(endpoint.inbound, view, now) || flags === Flags.handshake;
    };
  },
};
