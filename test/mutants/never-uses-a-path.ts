import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-uses-a-path',
  defect: 'Packets always carry path id 0.',
  requirements: ['MPIP-PA-01', 'MPIP-PA-02'],
  killedBy: ['SS-path-from-one-when-shared', 'SS-received-packets-refresh'],
  apply({ endpoint }) {
    endpoint.outbound.choosePath = () => undefined;
  },
};
