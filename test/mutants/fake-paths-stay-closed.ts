import { sameTuple } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'fake-paths-stay-closed',
  defect: 'A fake handshake is answered and completed, but makes no path.',
  requirements: ['MPIP-HS-06'],
  killedBy: [
    'AD-handshake-outlives-repeated-flags',
    'HS-client-path-carries-data',
    'HS-path-only-after-three-packets',
    'HS-repeated-syn-ack-is-acknowledged',
    'MT-each-connection-has-its-own-paths',
  ],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) =>
      session.protocol === 6 && !sameTuple(tuple, session.tuple)
        ? undefined
        : add.call(mesh, session, tuple, weight, now);
  },
};
