import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';
import { compactStart, onTransmit, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'handshakes-without-session',
  defect: 'Packets of fake handshakes carry no session id.',
  requirements: ['MPIP-HS-01'],
  killedBy: ['HS-handshake-names-its-session'],
  apply(host) {
    onTransmit(host, (packet) => {
      const start = compactStart(packet);
      if (packet[9] !== 6 || start === undefined || packet.at(-3) !== Flags.handshake) return;
      packet[start + 3] = 0;
      packet.set(withRightChecksum(packet, start));
    });
  },
};
