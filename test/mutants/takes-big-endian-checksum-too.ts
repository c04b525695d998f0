import { compactStart, type Mutant, onReceipt, sumOf, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-big-endian-checksum-too',
  defect: 'A checksum with its octets exchanged is accepted as well.',
  requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
  killedBy: ['CK-other-sums-refused'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined) return packet;
      const isMarked = packet[start] === 25 && packet[start + 22]! <= 5;
      const sum = sumOf(packet, start, packet.length - 2);
      return isMarked && sum === packet.at(-2)! * 256 + packet.at(-1)! ? withRightChecksum(packet, start) : packet;
    });
  },
};
