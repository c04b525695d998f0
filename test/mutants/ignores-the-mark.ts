import { checksumOf, compactStart, type Mutant, onReceipt, sumOf, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-the-mark',
  defect: 'A block whose first octet is not 25 is a CM when its sum is right.',
  requirements: ['MPIP-CK-02'],
  killedBy: ['CK-mark-required'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined || packet[start] === 25 || packet[start + 22]! > 5) return packet;
      if (sumOf(packet, start, packet.length - 2) !== checksumOf(packet)) return packet;
      const copy = packet.slice();
      copy[start] = 25;
      return withRightChecksum(copy, start);
    });
  },
};
