import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'no-heartbeats',
  defect: 'Heartbeats are never sent.',
  requirements: ['MPIP-HB-01'],
  killedBy: ['HB-one-way-traffic'],
  apply({ endpoint }) {
    endpoint.heartbeats.considerHeartbeat = () => {};
  },
};
