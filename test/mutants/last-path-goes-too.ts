import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'last-path-goes-too',
  defect: 'The last path of a session is removed as any other.',
  requirements: ['MPIP-EX-01'],
  killedBy: ['EX-last-path-stays'],
  apply(host) {
    const { mesh, settings } = host.endpoint.state;
    const { prune } = mesh;
    mesh.prune = (session, now) => {
      prune.call(mesh, session, now);
      const [last] = session.paths;
      if (session.paths.length === 1 && last!.unansweredMicros >= settings.constants['path-expiry'])
        mesh.remove(last!, now);
    };
  },
};
