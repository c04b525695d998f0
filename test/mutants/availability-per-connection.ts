import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'availability-per-connection',
  defect: 'Availability is kept per connection: another service does not know of the handshake.',
  requirements: ['MPIP-AV-05', 'MPIP-AV-18'],
  killedBy: ['AV-query-enables-for-every-service'],
  apply({ endpoint }) {
    const connections = new Set<string>();
    const { processCm, sendToEnabled } = endpoint;
    endpoint.processCm = (view, now) => {
      connections.add(`${view.destinationPort} ${view.source} ${view.sourcePort}`);
      return processCm.call(endpoint, view, now);
    };
    endpoint.sendToEnabled = (view, row, now, length) => {
      if (connections.has(`${view.sourcePort} ${view.destination} ${view.destinationPort}`))
        sendToEnabled.call(endpoint, view, row, now, length);
      else endpoint.sendToUnknown(view, now, length);
    };
  },
};
