import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'wraps-to-the-original-only',
  defect:
    'Segments are wrapped for paths to the address that the connection goes to, and for no other address of the peer.',
  requirements: ['MPIP-PA-08', 'MPIP-UW-01'],
  killedBy: ['UW-wrapped-to-our-other-address'],
  tcpMode: 'udp-wrapper',
  apply({ endpoint }) {
    const { mesh } = endpoint.state;
    const { remotes } = mesh;
    mesh.remotes = (session) =>
      remotes
        .call(mesh, session)
        .filter(({ destination }) => session.protocol === 17 || destination === session.tuple.destination);
  },
};
