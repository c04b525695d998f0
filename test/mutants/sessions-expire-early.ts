import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sessions-expire-early',
  defect: 'Sessions end after half of their expiry time.',
  requirements: ['MPIP-SS-06'],
  killedBy: ['SS-expires'],
  apply({ endpoint }) {
    endpoint.settings.constants['session-expiry'] /= 2;
  },
};
