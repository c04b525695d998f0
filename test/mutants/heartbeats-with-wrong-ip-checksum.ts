import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

/** Shows on the virtual network alone: a kernel writes the checksum of the IP header of what raw sockets send. */
export const mutant: Mutant = {
  name: 'heartbeats-with-wrong-ip-checksum',
  defect: 'The checksum of the IP header of a heartbeat is wrong.',
  requirements: ['MPIP-WF-01'],
  killedBy: ['HB-heartbeat-is-sound'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] === 17 && packet.at(-3) === 2 && packet.length >= 54) packet[11] = packet[11]! ^ 0x21;
    });
  },
};
