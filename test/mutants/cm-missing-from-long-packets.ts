import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'cm-missing-from-long-packets',
  defect: 'Packets with more than 1000 octets of user data go without a CM although there is room.',
  requirements: ['MPIP-CM-01'],
  killedBy: ['CM-large-datagrams', 'CM-one-after-user-data'],
  apply({ endpoint }) {
    const { hasRoom } = endpoint.packetSize;
    endpoint.packetSize.hasRoom = (view, session, layout, now, length) =>
      length <= 1028 && hasRoom.call(endpoint.packetSize, view, session, layout, now, length);
  },
};
