import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'own-path-weighs-more',
  defect: "The path of the session's own addresses begins with four times the weight of the others.",
  requirements: ['MPIP-SE-02'],
  killedBy: ['SE-initial-shares-equal', 'SE-initial-shares-of-announced-addresses'],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) => {
      const path = add.call(mesh, session, tuple, weight, now);
      if (path?.isOriginal) path.weight = Math.min(1000, 4 * path.weight);
      return path;
    };
  },
};
