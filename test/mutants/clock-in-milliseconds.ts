import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'clock-in-milliseconds',
  defect: 'Timestamps count milliseconds instead of ticks of the profile.',
  requirements: ['MPIP-FB-01'],
  killedBy: [
    'FB-clock-rate',
    'FB-delay-is-receive-time-minus-timestamp',
    'FB-delay-taken-on-receipt',
    'FB-each-path-its-own-delay',
    'FB-later-sample-replaces',
    'FB-measured-on-every-flag',
    'FB-negative-delay',
    'FB-none-without-sample',
    'FB-per-node',
    'FB-stale-sample-not-repeated',
    'HB-form',
  ],
  apply({ endpoint }) {
    const { compose } = endpoint.composer;
    endpoint.composer.compose = (layout, flags, now) => {
      const cm = compose.call(endpoint.composer, layout, flags, now);
      cm.timestamp = Math.floor(now / 1000) % 0x1_0000_0000;
      return cm;
    };
  },
};
