import { Flags } from '../../../src/codec/index.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'delivers-queries-with-data',
  defect: 'A query with user data goes up to the host.',
  kind: 'parsing',
  apply(host) {
    const { processCm } = host.endpoint.inbound;
    host.endpoint.inbound.processCm = (view, now) => {
      const isQuery = view.cm.flags === Flags.enable && view.userDataLength > 0;
      return processCm.call(host.endpoint.inbound, view, now) || isQuery;
    };
  },
};
