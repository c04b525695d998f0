import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delay-with-wrong-sign',
  defect: 'The delay is timestamp minus receive time.',
  requirements: ['MPIP-FB-02'],
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
      cm.pathDelay = -cm.pathDelay | 0;
    };
  },
};
