import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeats-too-late',
  defect: 'Heartbeats come after the path has become obsolete.',
  requirements: ['MPIP-HB-01'],
  killedBy: ['HB-one-way-traffic'],
  apply({ endpoint }) {
    const { constants } = endpoint.settings;
    constants['heartbeat-age'] = 1.3 * constants['path-expiry'];
  },
};
