import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'clock-stands-still',
  defect: 'Every packet of a node carries the timestamp of its first one.',
  requirements: ['MPIP-FB-01'],
  killedBy: ['FB-clock-rate', 'FB-delay-taken-on-receipt', 'FB-measured-on-every-flag'],
  apply({ endpoint }) {
    const { compose } = endpoint.composer;
    let first: number | undefined;
    endpoint.composer.compose = (layout, flags, now) => {
      const cm = compose.call(endpoint.composer, layout, flags, now);
      first ??= cm.timestamp;
      cm.timestamp = first;
      return cm;
    };
  },
};
