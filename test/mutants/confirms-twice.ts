import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'confirms-twice',
  defect: 'Each query is confirmed twice.',
  requirements: ['MPIP-AV-06'],
  killedBy: ['AV-confirm-at-once', 'AV-repeated-queries'],
  apply({ endpoint }) {
    const { sendConfirmation } = endpoint.inbound;
    endpoint.inbound.sendConfirmation = (...all) => {
      sendConfirmation.apply(endpoint.inbound, all);
      sendConfirmation.apply(endpoint.inbound, all);
    };
  },
};
