import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-is-left-alone',
  defect: 'TCP segments are neither asked about nor carry a CM.',
  requirements: ['MPIP-AV-02', 'MPIP-AV-05', 'MPIP-AV-08'],
  killedBy: [
    'AV-tcp-confirm-copies-next-segment',
    'AV-tcp-confirm-enables',
    'AV-tcp-copied-segment-is-sent',
    'AV-tcp-no-segment-invented',
    'AV-tcp-query-copies-segment',
  ],
  apply({ endpoint }) {
    const { outbound } = endpoint;
    const { isEligible } = outbound;
    outbound.isEligible = (view) => view.protocol !== 6 && isEligible.call(outbound, view);
  },
};
