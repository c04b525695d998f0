import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sessions-never-expire',
  defect: 'Sessions are kept for ever.',
  requirements: ['MPIP-SS-06'],
  killedBy: [],
  apply({ endpoint }) {
    endpoint.settings.constants['session-expiry'] = Number.MAX_SAFE_INTEGER;
  },
};
