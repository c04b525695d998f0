import { DatagramView, Flags } from '../../src/codec/index.js';
import { tupleOf } from '../../src/endpoint/transmitter.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'confirms-with-next-packet',
  defect: 'A UDP query is confirmed with the next packet to its sender, as for TCP.',
  requirements: ['MPIP-AV-07'],
  killedBy: ['AV-confirm-at-once'],
  apply({ endpoint }) {
    const due = new Set<string>();
    endpoint.handshake.receiveQuery = (view) => {
      due.add(`${view.source}:${view.sourcePort}`);
    };
    const { sendToEnabled } = endpoint.outbound;
    endpoint.outbound.sendToEnabled = (view, row, now, length) => {
      const copy = new DatagramView();
      copy.parse(view.bytes.slice(0, length), 0, length);
      sendToEnabled.call(endpoint.outbound, view, row, now, length);
      if (due.delete(`${copy.destination}:${copy.destinationPort}`))
        endpoint.transmitter.sendCopy(copy, tupleOf(copy), Flags.enabled, row.layout ?? 'compact', now);
    };
  },
};
