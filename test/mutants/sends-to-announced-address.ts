import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-to-announced-address',
  defect: 'Packets go to the first address that the peer lists, wherever its packets come from.',
  requirements: ['MPIP-PA-06'],
  killedBy: [
    'HS-client-path-carries-data',
    'HS-only-an-ack-opens',
    'HS-path-only-after-three-packets',
    'HS-third-packet-of-another-session',
    'HS-unanswered-path-unused',
    'HS-unasked-syn-ack-is-not-acknowledged',
    'HS-wrong-acknowledgement-opens-nothing',
    'HS-wrong-syn-ack-opens-nothing',
    'PA-address-as-seen',
  ],
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) => {
      const { announced } = session.peer;
      const destination =
        announced.has(tuple.destination) && announced.size === 1 ? tuple.destination : [...announced].at(-1);
      const isListed = destination === undefined || session.peer.handshaken.has(destination);
      return add.call(mesh, session, isListed ? tuple : { ...tuple, destination }, weight, now);
    };
  },
};
