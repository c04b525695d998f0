import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'stale-udp-checksum-on-other-paths',
  defect: 'The UDP checksum of a packet by another path is the one of the original path.',
  requirements: ['MPIP-TX-04', 'MPIP-WF-03'],
  killedBy: ['HB-heartbeat-is-sound', 'TX-checksums-of-rewritten-packets'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 17 || packet[15] === (host.addresses[0]! & 255) || packet.length < 54) return;
      packet[27] = packet[27]! ^ 1;
    });
  },
};
