import { addressKey } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queries-the-address-of-a-session',
  defect: 'The remote address of a session is asked like any other that the peer lists, though it has asked itself.',
  requirements: ['MPIP-AV-19'],
  killedBy: ['AD-other-port', 'AV-no-query-to-listed-address-that-asked'],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { prospects } = mesh;
    mesh.prospects = (session) => {
      const { destination, destinationPort } = session.tuple;
      const isListed = session.peer.announced.has(destination);
      const others = prospects.call(mesh, session);
      return isListed ? [addressKey(destination, destinationPort), ...others] : others;
    };
  },
};
