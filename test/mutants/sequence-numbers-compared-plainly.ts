import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sequence-numbers-compared-plainly',
  defect: 'Sequence numbers are compared as plain numbers: after 2^32 - 1 every segment looks late.',
  requirements: ['MPIP-OO-05'],
  killedBy: ['OO-sequence-wraps'],
  apply(host) {
    const { heldSegments } = host.endpoint;
    const { reorder } = heldSegments;
    heldSegments.reorder = (view, session, now) => {
      const next = session.reordering?.next;
      if (next !== undefined && view.sequence < next && next - view.sequence > 2 ** 31) return true;
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
