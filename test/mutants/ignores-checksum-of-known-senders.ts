import { DatagramView } from '../../src/codec/index.js';
import { compactStart, type Mutant, onReceipt, withRightChecksum } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'ignores-checksum-of-known-senders',
  defect: 'The checksum is only looked at before the handshake.',
  requirements: ['MPIP-CK-02', 'MPIP-CK-03'],
  killedBy: ['CK-damaged-data-of-session', 'CK-near-cm-is-user-data'],
  apply({ endpoint }) {
    onReceipt(endpoint, (packet) => {
      const start = compactStart(packet);
      if (start === undefined || packet[start] !== 25 || packet[start + 22]! > 5) return packet;
      const view = new DatagramView();
      view.parse(packet, 0, packet.length);
      const known = endpoint.availability.get(view.source, view.sourcePort)?.enabled;
      return known ? withRightChecksum(packet, start) : packet;
    });
  },
};
