import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'unmeasured-paths-stay',
  defect: 'Only paths that were fed back once can become obsolete.',
  requirements: ['MPIP-EX-03'],
  killedBy: ['EX-never-fed-path-goes'],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { prune } = mesh;
    mesh.prune = (session, now) => {
      for (const path of session.paths) if (path.samples === 0) path.unansweredMicros = 0;
      prune.call(mesh, session, now);
    };
  },
};
