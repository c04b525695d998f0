import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'segments-with-stale-checksum',
  defect: 'The TCP checksum of a segment with a control message is that of the segment without.',
  requirements: ['MPIP-WF-03'],
  killedBy: ['WF-segments-are-sound'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] === 6 && packet.at(-3) === 0 && packet.length >= 70 && packet[packet.length - 25] === 25)
        packet[37] = packet[37]! ^ 0x21;
    });
  },
};
