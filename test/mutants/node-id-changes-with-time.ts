import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'node-id-changes-with-time',
  defect: 'The node id changes every second.',
  requirements: ['MPIP-NID-02'],
  killedBy: ['NID-one-for-all'],
  apply({ endpoint }) {
    const { compose } = endpoint.composer;
    let began: number | undefined;
    endpoint.composer.compose = (layout, flags, now) => {
      began ??= now;
      const cm = compose.call(endpoint.composer, layout, flags, now);
      cm.nodeId ^= Math.floor((now - began) / 1_000_000) & 0xff;
      return cm;
    };
  },
};
