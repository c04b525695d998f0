import { DatagramView } from '../../src/codec/index.js';
import { type Mutant, withLengths } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'shortens-user-data',
  defect: 'User data that leaves no room for a CM is cut until it does.',
  requirements: ['MPIP-CM-05'],
  killedBy: ['CM-large-datagrams'],
  apply({ endpoint }) {
    const { sendToEnabled } = endpoint.outbound;
    endpoint.outbound.sendToEnabled = (view, row, now, length) => {
      const room = endpoint.settings.linkMtu - endpoint.composer.trailerLength(row.layout ?? 'compact');
      if (length <= room) return sendToEnabled.call(endpoint.outbound, view, row, now, length);
      const bytes = withLengths(view.bytes.slice(0, room));
      const shorter = new DatagramView();
      shorter.parse(bytes, 0, room);
      sendToEnabled.call(endpoint.outbound, shorter, row, now, room);
    };
  },
};
