import { Flags, TcpFlags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-completes-handshakes',
  defect: 'A SYN-ACK on a fake path is not acknowledged.',
  requirements: ['MPIP-HS-05'],
  killedBy: ['HS-client-completes', 'HS-client-path-carries-data'],
  apply(host) {
    const { drain } = host;
    host.drain = (send) =>
      drain.call(host, (packet) => {
        if (packet[9] === 6 && packet[33] === TcpFlags.ack && packet.at(-3) === Flags.handshake) return;
        send(packet);
      });
  },
};
