import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queries-with-short-udp-length',
  defect: 'The UDP length of queries does not cover the trailer.',
  requirements: ['MPIP-WF-02'],
  killedBy: ['WF-query-has-right-lengths'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 17 || packet.at(-3) !== 3 || packet.length < 54) return;
      const length = packet.length - 26 - 20;
      packet[24] = length >>> 8;
      packet[25] = length & 255;
    });
  },
};
