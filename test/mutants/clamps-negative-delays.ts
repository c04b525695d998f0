import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'clamps-negative-delays',
  defect: 'A negative delay is fed back as 0.',
  requirements: ['MPIP-FB-06'],
  killedBy: [
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
    const { addFeedback } = endpoint.composer;
    endpoint.composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(endpoint.composer, cm, peer, now);
      cm.pathDelay = Math.max(0, cm.pathDelay);
    };
  },
};
