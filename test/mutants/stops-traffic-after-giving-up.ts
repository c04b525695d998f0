import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'stops-traffic-after-giving-up',
  defect: 'An address that answered no query gets no traffic any more.',
  requirements: ['MPIP-AV-15', 'MPIP-GEN-03'],
  killedBy: ['AV-ordinary-after-giving-up', 'GEN-ordinary-traffic-unharmed'],
  apply({ endpoint }) {
    const { sendToUnknown } = endpoint.outbound;
    endpoint.outbound.sendToUnknown = (view, now, length) => {
      const row = endpoint.availability.get(view.destination, view.destinationPort);
      if (row === undefined || endpoint.handshake.mayQuery(row))
        sendToUnknown.call(endpoint.outbound, view, now, length);
    };
  },
};
