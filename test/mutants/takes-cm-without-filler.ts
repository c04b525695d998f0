import { appended, HEADERS, type Mutant, onReceipt } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-cm-without-filler',
  defect: 'A datagram of exactly 25 octets of user data is taken for a CM without filler.',
  requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
  killedBy: ['CK-filler-required'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = HEADERS;
      if (packet.length !== HEADERS + 25 || packet[start] !== 25 || packet[start + 22]! > 5) return packet;
      const longer = appended(packet, new Uint8Array(1));
      longer.copyWithin(start + 1, start, packet.length);
      longer[start] = 0;
      return longer;
    });
  },
};
