import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'path-ids-per-session',
  defect: 'Path ids are counted for each session anew.',
  requirements: ['MPIP-PA-01'],
  killedBy: [
    'AD-same-change-resets-once',
    'MT-each-connection-has-its-own-paths',
    'PA-ids-unique-over-sessions',
    'PA-only-paths-of-the-session',
    'SE-per-connection',
    'SS-path-from-one-when-shared',
  ],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) => {
      const path = add.call(mesh, session, tuple, weight, now);
      if (path === undefined) return path;
      session.peer.paths.delete(path.id);
      path.id = session.paths.length;
      session.peer.paths.set(path.id, path);
      return path;
    };
  },
};
