import { type Mutant, withLengths } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'leaves-filler',
  defect: 'The filler octet before the CM is left to the user data.',
  requirements: ['MPIP-CM-08', 'MPIP-RX-04'],
  killedBy: [
    'AD-first-packet-is-flagged',
    'CM-data-before-confirmation',
    'CM-data-flags-delivered',
    'CM-one-after-user-data',
    'HS-client-completes',
  ],
  apply({ endpoint }) {
    const { strip } = endpoint.inbound;
    endpoint.inbound.strip = (view) => {
      const filler = view.cm.layout === 'compact' ? 1 : 0;
      strip.call(endpoint.inbound, view);
      const longer = withLengths(view.bytes.subarray(0, view.end + filler));
      view.parse(view.bytes, 0, longer.length);
    };
  },
};
