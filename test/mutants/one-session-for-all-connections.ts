import type { Mutant } from '../conformance/mutant.js';
import { compactStart, onTransmit, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'one-session-for-all-connections',
  defect: 'Every TCP connection with a node gets the session id of the first.',
  requirements: ['MPIP-MT-01', 'MPIP-SS-02'],
  killedBy: ['MT-connections-are-sessions-of-their-own', 'MT-each-connection-has-its-own-paths'],
  apply(host) {
    const first = new Map<number, number>();
    onTransmit(host, (packet) => {
      const start = compactStart(packet);
      if (
        packet[9] !== 6 ||
        start === undefined ||
        packet[start] !== 25 ||
        packet[start + 22]! > 1 ||
        packet[start + 3] === 0
      )
        return;
      const peer = packet[19]!;
      if (!first.has(peer)) first.set(peer, packet[start + 3]!);
      packet[start + 3] = first.get(peer)!;
      packet.set(withRightChecksum(packet, start));
    });
  },
};
