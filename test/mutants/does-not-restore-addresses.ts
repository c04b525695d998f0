import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'does-not-restore-addresses',
  defect: 'Data that came by another path goes up with the addresses and ports of that path.',
  requirements: ['MPIP-RX-01', 'MPIP-RX-04'],
  killedBy: [
    'AD-flag-keeps-one-path',
    'AD-own-change-is-flagged',
    'AD-own-session-survives',
    'AD-paths-come-back',
    'AD-session-survives',
    'RX-from-other-address',
    'RX-from-other-known-port',
    'RX-from-other-new-port',
    'RX-to-other-service-port',
  ],
  apply({ endpoint }) {
    endpoint.inboundData.restore = () => {};
  },
};
