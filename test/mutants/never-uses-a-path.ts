import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-uses-a-path',
  defect: 'Packets always carry path id 0.',
  requirements: ['MPIP-PA-01', 'MPIP-PA-02'],
  killedBy: [
    'AD-handshake-outlives-repeated-flags',
    'HB-one-way-traffic-becomes-multipath',
    'HB-path-by-normal-selection',
    'HS-client-path-carries-data',
    'HS-path-only-after-three-packets',
    'MT-each-connection-has-its-own-paths',
    'SS-path-from-one-when-shared',
    'SS-received-packets-refresh',
  ],
  apply({ endpoint }) {
    endpoint.pathChoice.choosePath = () => undefined;
  },
};
