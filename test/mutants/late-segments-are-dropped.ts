import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'late-segments-are-dropped',
  defect: 'A segment that was delivered before is dropped instead of being handed to the TCP.',
  requirements: ['MPIP-OO-10'],
  killedBy: ['OO-late-segment-passes'],
  apply(host) {
    const { heldSegments } = host.endpoint;
    const { reorder } = heldSegments;
    heldSegments.reorder = (view, session, now) => {
      const next = session.reordering?.next;
      if (next !== undefined && view.payloadLength > 0 && ((view.sequence - next) | 0) < 0) return false;
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
