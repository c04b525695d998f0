import { checksumOf, compactStart, type Mutant, onReceipt, sumOf, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'leaves-flags-out-of-checksum',
  defect: 'The flags are not part of the sum that is compared.',
  requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
  killedBy: ['CK-each-octet-damaged', 'CK-other-sums-refused'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined) return packet;
      const isMarked = packet[start] === 25 && packet[start + 22]! <= 5;
      const sum = sumOf(packet, start, start + 22);
      return isMarked && sum === checksumOf(packet) ? withRightChecksum(packet, start) : packet;
    });
  },
};
