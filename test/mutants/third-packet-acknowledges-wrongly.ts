import { readU32be, writeU32be } from '../../src/codec/bytes.js';
import { Flags, TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';
import { onTransmit } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'third-packet-acknowledges-wrongly',
  defect: 'The third packet of a fake handshake acknowledges the number of the SYN-ACK itself.',
  requirements: ['MPIP-HS-10'],
  killedBy: ['HS-client-completes'],
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet[9] !== 6 || packet[33] !== TcpFlags.ack || packet.at(-3) !== Flags.handshake) return;
      writeU32be(packet, 28, (readU32be(packet, 28) - 1) >>> 0);
    });
  },
};
