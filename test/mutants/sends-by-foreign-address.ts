import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-by-foreign-address',
  defect: 'Packets by other paths come from an address that the node does not have.',
  requirements: ['MPIP-TX-02'],
  killedBy: [
    'AD-added-address-is-used',
    'HS-client-path-carries-data',
    'PA-from-every-local-address',
    'PA-mesh-of-all-addresses',
    'TX-source-is-own-address',
  ],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) => {
      const isOwn = tuple.source === session.tuple.source;
      return add.call(mesh, session, isOwn ? tuple : { ...tuple, source: tuple.source + 7 }, weight, now);
    };
  },
};
