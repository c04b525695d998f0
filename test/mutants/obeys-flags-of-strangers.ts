import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'obeys-flags-of-strangers',
  defect: 'A flagged packet moves the session to wherever it came from.',
  requirements: ['MPIP-AD-09'],
  killedBy: ['AD-flag-of-a-stranger'],
  apply({ endpoint }) {
    endpoint.state.mesh.mayMoveTo = () => true;
  },
};
