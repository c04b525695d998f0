import { compactStart, onReceipt, sumOf, withRightChecksum } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'half-a-checksum',
  defect: 'Only the low octet of the checksum is compared.',
  kind: 'parsing',
  apply(host) {
    onReceipt(host.endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined || packet[start] !== 25 || packet[start + 22]! > 5) return packet;
      const isHalfRight = (sumOf(packet, start, packet.length - 2) & 255) === packet.at(-2);
      return isHalfRight ? withRightChecksum(packet, start) : packet;
    });
  },
};
