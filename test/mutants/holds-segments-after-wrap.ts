import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'holds-segments-after-wrap',
  defect: 'The next expected number is kept in more than 32 bits: after 2^32 - 1 no segment is in sequence.',
  requirements: ['MPIP-OO-05'],
  killedBy: ['OO-sequence-wraps'],
  apply(host) {
    const { heldSegments } = host.endpoint;
    const { reorder } = heldSegments;
    heldSegments.reorder = (view, session, now) => {
      const { reordering } = session;
      if (reordering?.next !== undefined && reordering.next < 2 ** 12 && view.payloadLength > 0) {
        heldSegments.holding.add(session);
        reordering.next = (view.sequence - 1) >>> 0;
      }
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
