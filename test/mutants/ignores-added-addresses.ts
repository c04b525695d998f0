import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-added-addresses',
  defect: 'An address that the node gained makes no paths.',
  requirements: ['MPIP-AD-07'],
  killedBy: ['AD-added-address-is-used'],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { extend } = mesh;
    let known: readonly number[] = [];
    mesh.extend = (session, locals, now) => {
      if (known.length === 0 || locals.length < known.length) known = [...locals];
      extend.call(
        mesh,
        session,
        locals.filter((local) => known.includes(local)),
        now,
      );
    };
  },
};
