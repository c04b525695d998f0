import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'clock-in-milliseconds',
  defect: 'Timestamps count milliseconds instead of ticks of the profile.',
  requirements: ['MPIP-FB-01'],
  killedBy: [],
  apply({ endpoint }) {
    const { compose } = endpoint;
    endpoint.compose = (layout, flags, now) => {
      const cm = compose.call(endpoint, layout, flags, now);
      cm.timestamp = Math.floor(now / 1000) % 0x1_0000_0000;
      return cm;
    };
  },
};
