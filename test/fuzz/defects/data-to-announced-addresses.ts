import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'data-to-announced-addresses',
  defect: 'An address that a node lists gets user data without having answered.',
  kind: 'confusion',
  like: 'R12',
  apply(host) {
    const { mesh } = host.endpoint.state;
    mesh.isUsable = () => true;
    const { remotes } = mesh;
    mesh.remotes = (session) => [
      ...remotes.call(mesh, session),
      ...[...session.peer.announced].map((destination) => ({
        destination,
        destinationPort: session.tuple.destinationPort,
      })),
    ];
    mesh.mayUse = () => true;
  },
};
