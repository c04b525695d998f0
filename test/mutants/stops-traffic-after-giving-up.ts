import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'stops-traffic-after-giving-up',
  defect: 'An address that answered no query gets no traffic any more.',
  requirements: ['MPIP-AV-15', 'MPIP-GEN-03'],
  killedBy: ['AV-ordinary-after-giving-up', 'GEN-ordinary-traffic-unharmed'],
  apply({ endpoint }) {
    const { sendToUnknown } = endpoint;
    endpoint.sendToUnknown = (view, now, length) => {
      const row = endpoint.availability.get(view.destination, view.destinationPort);
      if (row === undefined || endpoint.mayQuery(row)) sendToUnknown.call(endpoint, view, now, length);
    };
  },
};
