import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'node-id-differs-in-confirmations',
  defect: 'Confirmations carry another node id than the other packets.',
  requirements: ['MPIP-NID-03'],
  killedBy: ['NID-one-for-all'],
  apply({ endpoint }) {
    const { compose } = endpoint.composer;
    endpoint.composer.compose = (layout, flags, now) => {
      const cm = compose.call(endpoint.composer, layout, flags, now);
      if (flags === Flags.enabled) cm.nodeId ^= 1;
      return cm;
    };
  },
};
