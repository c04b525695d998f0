import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-confirms',
  defect: 'Queries are not confirmed.',
  requirements: ['MPIP-AV-06', 'MPIP-AV-07'],
  killedBy: ['AV-confirm-at-once'],
  apply({ endpoint }) {
    endpoint.handshake.sendConfirmation = () => {};
  },
};
