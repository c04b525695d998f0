import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'availability-per-connection',
  defect: 'Availability is kept per connection: another service does not know of the handshake.',
  requirements: ['MPIP-AV-05', 'MPIP-AV-18'],
  killedBy: ['AV-query-enables-for-every-service'],
  apply({ endpoint }) {
    const connections = new Set<string>();
    const { processCm } = endpoint.inbound;
    const { sendToEnabled } = endpoint.outbound;
    endpoint.inbound.processCm = (view, now) => {
      connections.add(`${view.destinationPort} ${view.source} ${view.sourcePort}`);
      return processCm.call(endpoint.inbound, view, now);
    };
    endpoint.outbound.sendToEnabled = (view, row, now, length) => {
      if (connections.has(`${view.sourcePort} ${view.destination} ${view.destinationPort}`))
        sendToEnabled.call(endpoint.outbound, view, row, now, length);
      else endpoint.outbound.sendToUnknown(view, now, length);
    };
  },
};
