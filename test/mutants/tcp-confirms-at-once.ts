import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-confirms-at-once',
  defect: 'A query on TCP is confirmed at once, by a segment that no TCP sent.',
  requirements: ['MPIP-AV-08', 'MPIP-AV-09', 'MPIP-AV-10'],
  killedBy: ['AV-tcp-confirm-copies-next-segment', 'AV-tcp-copied-segment-is-sent', 'AV-tcp-no-segment-invented'],
  apply({ endpoint }) {
    const { inbound } = endpoint;
    const receiveQuery = inbound.receiveQuery;
    inbound.receiveQuery = (view, layout, now) => {
      if (view.protocol !== 6) {
        receiveQuery.call(inbound, view, layout, now);
        return;
      }
      inbound.markEnabled(view.source, view.sourcePort, layout);
      const back = {
        source: view.destination,
        sourcePort: view.destinationPort,
        destination: view.source,
        destinationPort: view.sourcePort,
      };
      inbound.sendConfirmation(view, back, layout, now);
    };
  },
};
