import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'confirms-twice',
  defect: 'Each query is confirmed twice.',
  requirements: ['MPIP-AV-06'],
  killedBy: ['AV-confirm-at-once', 'AV-repeated-queries'],
  apply({ endpoint }) {
    const { sendConfirmation } = endpoint.handshake;
    endpoint.handshake.sendConfirmation = (...all) => {
      sendConfirmation.apply(endpoint.handshake, all);
      sendConfirmation.apply(endpoint.handshake, all);
    };
  },
};
