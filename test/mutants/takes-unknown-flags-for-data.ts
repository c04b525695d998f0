import { Flags } from '../../src/codec/index.js';
import { checksumOf, compactStart, type Mutant, onReceipt, sumOf, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-unknown-flags-for-data',
  defect: 'A block with flags above 5 is taken for a CM with flags 0.',
  requirements: ['MPIP-CK-02', 'MPIP-CM-07'],
  killedBy: ['CK-unknown-flags-ordinary'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined || packet[start] !== 25 || packet[start + 22]! <= 5) return packet;
      if (sumOf(packet, start, packet.length - 2) !== checksumOf(packet)) return packet;
      const copy = packet.slice();
      copy[start + 22] = Flags.normal;
      return withRightChecksum(copy, start);
    });
  },
};
