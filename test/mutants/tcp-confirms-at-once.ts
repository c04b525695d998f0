import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-confirms-at-once',
  defect: 'A query on TCP is confirmed at once, by a segment that no TCP sent.',
  requirements: ['MPIP-AV-08', 'MPIP-AV-09', 'MPIP-AV-10'],
  killedBy: ['AV-tcp-confirm-copies-next-segment', 'AV-tcp-copied-segment-is-sent', 'AV-tcp-no-segment-invented'],
  apply({ endpoint }) {
    const { handshake } = endpoint;
    const receiveQuery = handshake.receiveQuery;
    handshake.receiveQuery = (view, layout, now) => {
      if (view.protocol !== 6) {
        receiveQuery.call(handshake, view, layout, now);
        return;
      }
      handshake.markEnabled(view.source, view.sourcePort, layout);
      const back = {
        source: view.destination,
        sourcePort: view.destinationPort,
        destination: view.source,
        destinationPort: view.sourcePort,
      };
      handshake.sendConfirmation(view, back, layout, now);
    };
  },
};
