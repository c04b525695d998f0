import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'uses-primary-address-only',
  defect: "Paths begin at the node's first address only.",
  requirements: ['MPIP-PA-03', 'MPIP-PA-08'],
  killedBy: [
    'AD-added-address-is-used',
    'AD-other-address-lost',
    'AD-paths-come-back',
    'HB-one-way-traffic-becomes-multipath',
    'HB-path-by-normal-selection',
    'PA-from-every-local-address',
    'PA-mesh-of-all-addresses',
    'SE-initial-shares-equal',
  ],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { extend } = mesh;
    mesh.extend = (session, locals, now) => extend.call(mesh, session, locals.slice(0, 1), now);
  },
};
