import { writeU32be } from '../../src/codec/bytes.js';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'fake-syn-ack-acknowledges-nothing',
  defect: 'The SYN-ACK of a fake handshake acknowledges 16777216, as in the kernels.',
  requirements: ['MPIP-HS-10'],
  killedBy: ['HS-numbers-acknowledge-as-tcp'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 6 || packet[33] !== (TcpFlags.syn | TcpFlags.ack) || packet.at(-3) !== Flags.handshake) return;
      writeU32be(packet, 28, 16777216);
    });
  },
};
