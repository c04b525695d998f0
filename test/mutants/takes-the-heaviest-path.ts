import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-the-heaviest-path',
  defect: 'Of the paths the one with the largest weight is taken, not one at random.',
  requirements: ['MPIP-SE-01', 'MPIP-SE-08'],
  killedBy: ['PA-from-every-local-address', 'PA-mesh-of-all-addresses', 'SE-path-per-packet'],
  apply(host) {
    const { selection } = host.endpoint.state;
    selection.weighted = (paths) => paths.reduce((best, path) => (path.weight > best.weight ? path : best));
  },
};
