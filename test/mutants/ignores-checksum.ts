import { compactStart, type Mutant, onReceipt, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-checksum',
  defect: 'Mark and flags make a CM; the checksum is not looked at.',
  requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
  killedBy: ['CK-damaged-data-of-session', 'CK-each-octet-damaged', 'CK-near-cm-is-user-data', 'CK-other-sums-refused'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined) return packet;
      return packet[start] === 25 && packet[start + 22]! <= 5 ? withRightChecksum(packet, start) : packet;
    });
  },
};
