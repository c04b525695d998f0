import { checksumOf, compactStart, type Mutant, onTransmit, sumOf } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-checksum-without-mark',
  defect: 'The checksum of what is sent leaves out the length octet.',
  requirements: ['MPIP-CK-01'],
  killedBy: [
    'AV-confirm-at-once',
    'AV-query-copy-beside-original',
    'AV-tcp-query-copies-segment',
    'CK-sum-of-octets',
    'GEN-ordinary-traffic-unharmed',
  ],
  apply(host) {
    onTransmit(host, (packet) => {
      const start = compactStart(packet);
      if (start === undefined || packet[start] !== 25 || packet[start + 22]! > 5) return;
      if (sumOf(packet, start, packet.length - 2) !== checksumOf(packet)) return;
      const sum = checksumOf(packet) - 25;
      packet[packet.length - 2] = sum & 255;
      packet[packet.length - 1] = sum >>> 8;
    });
  },
};
