import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-original-twice',
  defect: 'The original beside a query copy goes out twice.',
  requirements: ['MPIP-GEN-03', 'MPIP-AV-03'],
  killedBy: ['AV-query-copy-beside-original', 'GEN-ordinary-traffic-unharmed'],
  apply({ endpoint }) {
    const { sendToUnknown } = endpoint.outbound;
    endpoint.outbound.sendToUnknown = (view, now, length) => {
      const { mayQuery } = endpoint.handshake;
      endpoint.handshake.mayQuery = () => false;
      sendToUnknown.call(endpoint.outbound, view, now, length);
      endpoint.handshake.mayQuery = mayQuery;
      sendToUnknown.call(endpoint.outbound, view, now, length);
    };
  },
};
