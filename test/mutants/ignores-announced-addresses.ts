import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-announced-addresses',
  defect: 'Announced addresses and other sources of a session make no paths.',
  requirements: ['MPIP-PA-08'],
  killedBy: ['PA-mesh-of-all-addresses'],
  apply(host) {
    host.endpoint.state.mesh.prospects = () => [];
  },
};
