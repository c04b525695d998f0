import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-holds-segments',
  defect: 'Early segments go to the TCP at once.',
  requirements: ['MPIP-OO-02'],
  killedBy: [
    'OO-buffer-of-ten',
    'OO-early-segment-held',
    'OO-gap-filled',
    'OO-held-in-order-of-sequence',
    'OO-per-session',
    'OO-sequence-wraps',
  ],
  apply(host) {
    host.endpoint.heldSegments.reorder = () => true;
  },
};
