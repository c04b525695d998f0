import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'paths-never-expire',
  defect: 'A path stays although its feedback does not come.',
  requirements: ['MPIP-EX-01', 'MPIP-EX-03'],
  killedBy: ['EX-never-fed-path-goes', 'EX-path-without-feedback-goes'],
  apply(host) {
    host.endpoint.state.mesh.prune = () => {};
  },
};
