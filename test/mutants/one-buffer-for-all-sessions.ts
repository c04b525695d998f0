import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'one-buffer-for-all-sessions',
  defect: 'A session in which a segment waits holds up the segments of all others.',
  requirements: ['MPIP-OO-08'],
  killedBy: ['OO-per-session'],
  apply(host) {
    const { heldSegments } = host.endpoint;
    const { reorder } = heldSegments;
    heldSegments.reorder = (view, session, now) => {
      const isBlocked = [...heldSegments.holding].some((other) => other !== session);
      if (isBlocked && session.reordering?.next !== undefined && view.payloadLength > 0) {
        const { next } = session.reordering;
        session.reordering.next = (next - 1) >>> 0;
        const goesUp = reorder.call(heldSegments, view, session, now);
        heldSegments.holding.add(session);
        return goesUp;
      }
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
