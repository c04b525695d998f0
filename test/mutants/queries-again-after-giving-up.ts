import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queries-again-after-giving-up',
  defect: 'A second after giving up on an address the peer begins to ask it again.',
  requirements: ['MPIP-AV-14', 'MPIP-AV-15'],
  killedBy: ['AV-ordinary-after-giving-up'],
  apply({ endpoint }) {
    const gaveUp = new Map<object, number>();
    let clock = 0;
    const { sendToUnknown } = endpoint.outbound;
    const { mayQuery } = endpoint.handshake;
    endpoint.outbound.sendToUnknown = (view, now, length) => {
      clock = now;
      sendToUnknown.call(endpoint.outbound, view, now, length);
    };
    endpoint.handshake.mayQuery = (row) => {
      if (mayQuery.call(endpoint.handshake, row)) return true;
      if (!gaveUp.has(row)) gaveUp.set(row, clock);
      return clock - gaveUp.get(row)! > 1_000_000;
    };
  },
};
