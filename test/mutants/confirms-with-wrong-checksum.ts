import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'confirms-with-wrong-checksum',
  defect: 'The UDP checksum of a confirmation is that of the packet without its trailer.',
  requirements: ['MPIP-WF-03'],
  killedBy: ['WF-confirmation-is-sound'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] === 17 && packet.at(-3) === 4 && packet.length >= 54) packet[27] = packet[27]! ^ 0x21;
    });
  },
};
