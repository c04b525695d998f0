import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'wrapper-without-inner-ports',
  defect: 'The TCP header in a wrapper has the ports set to 0.',
  requirements: ['MPIP-UW-01'],
  killedBy: ['UW-header-as-the-host-wrote-it', 'UW-udp-session-is-not-unwrapped', 'WF-segments-are-sound'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 17 || packet.length < 28 + 20 + 26 || packet.at(-3) !== 0 || packet[28 + 12] !== 0x50) return;
      if (packet[15] === (host.addresses[0]! & 255)) return;
      packet.fill(0, 28, 32);
    });
  },
};
