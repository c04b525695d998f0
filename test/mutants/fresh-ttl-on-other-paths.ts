import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'fresh-ttl-on-other-paths',
  defect: 'A packet by another path than the original gets the time to live of a router.',
  requirements: ['MPIP-TX-04'],
  killedBy: ['TX-only-addresses-rewritten'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 17 || packet[15] === (host.addresses[0]! & 255) || packet.length < 54) return;
      const before = (packet[8]! << 8) | packet[9]!;
      packet[8] = 32;
      let sum = (~((packet[10]! << 8) | packet[11]!) & 0xffff) + (~before & 0xffff) + ((packet[8]! << 8) | packet[9]!);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      packet[10] = (~sum >>> 8) & 255;
      packet[11] = ~sum & 255;
    });
  },
};
