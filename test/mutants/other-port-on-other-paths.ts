import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'other-port-on-other-paths',
  defect: 'Packets by other paths come from the next port.',
  requirements: ['MPIP-TX-01'],
  killedBy: [
    'AD-change-during-a-change',
    'AD-flag-keeps-one-path',
    'HB-form',
    'PA-mesh-of-all-addresses',
    'TX-source-is-own-address',
  ],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) => {
      const isOwn = tuple.source === session.tuple.source;
      return add.call(mesh, session, isOwn ? tuple : { ...tuple, sourcePort: tuple.sourcePort + 1 }, weight, now);
    };
  },
};
