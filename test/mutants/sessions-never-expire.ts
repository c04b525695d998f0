import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sessions-never-expire',
  defect: 'Sessions are kept for ever.',
  requirements: ['MPIP-SS-06'],
  killedBy: ['HB-does-not-refresh-session', 'SS-expires', 'SS-path-zero-after-expiry'],
  apply({ endpoint }) {
    endpoint.settings.constants['session-expiry'] = Number.MAX_SAFE_INTEGER;
  },
};
