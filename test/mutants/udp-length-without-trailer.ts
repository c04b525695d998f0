import { type Mutant, onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'udp-length-without-trailer',
  defect: 'The UDP length of packets with a CM does not cover the trailer, as in the kernels of 2014.',
  requirements: ['MPIP-WF-02'],
  killedBy: [
    'HB-heartbeat-is-sound',
    'TX-checksums-of-rewritten-packets',
    'WF-confirmation-is-sound',
    'WF-query-has-right-lengths',
  ],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 17 || packet.length < 54 || packet[packet.length - 25] !== 25) return;
      const length = packet.length - 20 - 26;
      packet[24] = length >>> 8;
      packet[25] = length & 255;
    });
  },
};
