import { checksumOf, compactStart, type Mutant, onReceipt, sumOf, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'compares-low-octet-of-checksum',
  defect: 'Only the low octet of the checksum is compared.',
  requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
  killedBy: ['CK-damaged-data-of-session', 'CK-each-octet-damaged', 'CK-other-sums-refused'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined) return packet;
      const isMarked = packet[start] === 25 && packet[start + 22]! <= 5;
      const sum = sumOf(packet, start, packet.length - 2);
      return isMarked && (sum & 255) === (checksumOf(packet) & 255) ? withRightChecksum(packet, start) : packet;
    });
  },
};
