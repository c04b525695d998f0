import { DatagramView, Flags, type Tuple } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queries-whoever-sends',
  defect: 'An ordinary packet received is answered with a query.',
  requirements: ['MPIP-AV-16'],
  killedBy: [
    'AV-confirm-enables',
    'AV-no-query-when-only-receiving',
    'AV-query-copy-beside-original',
    'AV-repeated-confirmations',
  ],
  apply(host) {
    const { endpoint } = host;
    const { receive } = host;
    host.receive = (packet, now, length) => {
      const before = endpoint.counters.ordinaryReceived;
      const copy = packet.slice(0, length ?? packet.length);
      receive.call(host, packet, now, length);
      if (endpoint.counters.ordinaryReceived === before) return;
      const view = new DatagramView();
      view.parse(copy, 0, copy.length);
      const row = endpoint.availability.row(view.source, view.sourcePort);
      if (row.enabled || !endpoint.handshake.mayQuery(row)) return;
      row.queries++;
      endpoint.transmitter.sendCopy(view, reversed(view), Flags.enable, endpoint.settings.profile.layout, now);
    };
  },
};

function reversed(view: DatagramView): Tuple {
  const { source, sourcePort, destination, destinationPort } = view;
  return { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort };
}
