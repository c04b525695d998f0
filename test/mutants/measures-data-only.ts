import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'measures-data-only',
  defect: 'Path id and timestamp are processed on data packets only.',
  requirements: ['MPIP-RX-02'],
  killedBy: ['FB-measured-on-every-flag'],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    const { measure } = endpoint.measurements;
    endpoint.inbound.processCm = (view, now) => {
      endpoint.measurements.measure = view.cm.flags > Flags.ipChange ? () => {} : measure;
      return processCm.call(endpoint.inbound, view, now);
    };
  },
};
