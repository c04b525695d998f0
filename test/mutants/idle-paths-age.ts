import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'idle-paths-age',
  defect: 'A path goes when its last feedback is older than the threshold, also when nothing was sent on it.',
  requirements: ['MPIP-EX-01'],
  killedBy: ['EX-idle-path-does-not-age'],
  apply(host) {
    const { mesh, settings } = host.endpoint.state;
    const { prune } = mesh;
    mesh.prune = (session, now) => {
      for (const path of session.paths) {
        if (now - path.feedbackTime >= settings.constants['path-expiry']) path.unansweredMicros = 1e12;
      }
      prune.call(mesh, session, now);
    };
  },
};
