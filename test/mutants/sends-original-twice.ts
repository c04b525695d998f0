import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-original-twice',
  defect: 'The original beside a query copy goes out twice.',
  requirements: ['MPIP-GEN-03', 'MPIP-AV-03'],
  killedBy: ['AV-query-copy-beside-original', 'GEN-ordinary-traffic-unharmed'],
  apply({ endpoint }) {
    const { sendToUnknown } = endpoint;
    endpoint.sendToUnknown = (view, now, length) => {
      const { mayQuery } = endpoint;
      endpoint.mayQuery = () => false;
      sendToUnknown.call(endpoint, view, now, length);
      endpoint.mayQuery = mayQuery;
      sendToUnknown.call(endpoint, view, now, length);
    };
  },
};
