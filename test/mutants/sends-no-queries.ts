import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-no-queries',
  defect: 'An unknown address gets the originals and never a query.',
  requirements: ['MPIP-AV-02', 'MPIP-AV-14'],
  killedBy: ['AV-query-copy-beside-original', 'AV-tcp-query-copies-segment', 'PA-mesh-of-all-addresses'],
  apply({ endpoint }) {
    endpoint.handshake.mayQuery = () => false;
  },
};
