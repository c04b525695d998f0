import { Flags, TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';
import { onReceipt } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'reset-opens-a-path',
  defect: 'The third packet of a fake handshake opens the path also when it has RST.',
  requirements: ['MPIP-HS-06'],
  killedBy: ['HS-only-an-ack-opens'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const isReset = packet[9] === 6 && packet[33] === (TcpFlags.rst | TcpFlags.ack);
      if (!isReset || packet.at(-3) !== Flags.handshake) return packet;
      const copy = packet.slice();
      copy[33] = TcpFlags.ack;
      return copy;
    });
  },
};
