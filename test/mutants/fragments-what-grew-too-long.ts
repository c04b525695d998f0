import { fragment } from '../../src/codec/fragment.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'fragments-what-grew-too-long',
  defect: 'A datagram that is too long with its control message is sent in fragments.',
  requirements: ['MPIP-WF-04'],
  killedBy: ['WF-no-fragments-with-cm'],
  apply(host) {
    const { drain } = host;
    host.drain = (send) =>
      drain.call(host, (packet) => {
        if (packet.length <= 1500 || packet[9] !== 17) {
          send(packet);
          return;
        }
        for (const piece of fragment(packet.slice(), 1500, packet.length)) send(piece);
      });
  },
};
