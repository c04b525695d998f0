import { DatagramView, Flags } from '../../src/codec/index.js';
import { tupleOf } from '../../src/endpoint/transmitter.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queries-after-confirmation',
  defect: 'A confirmed address gets data with a CM and still a query with each packet, up to the threshold.',
  requirements: ['MPIP-AV-19'],
  killedBy: [
    'AV-both-ask-at-once',
    'AV-confirm-enables',
    'AV-no-query-to-listed-address-that-asked',
    'AV-query-enables',
  ],
  apply({ endpoint }) {
    const { sendToEnabled } = endpoint.outbound;
    endpoint.outbound.sendToEnabled = (view, row, now, length) => {
      const copy = new DatagramView();
      copy.parse(view.bytes.slice(0, length), 0, length);
      sendToEnabled.call(endpoint.outbound, view, row, now, length);
      if (!endpoint.handshake.mayQuery(row)) return;
      row.queries++;
      endpoint.transmitter.sendCopy(copy, tupleOf(copy), Flags.enable, row.layout ?? 'compact', now);
    };
  },
};
