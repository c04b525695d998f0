import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'sequence-numbers-never-wrap',
  defect: 'Sequence numbers are compared as ordinary numbers.',
  kind: 'stall',
  like: 'R25',
  apply(host) {
    const highest = new Map<object, number>();
    const { reorder } = host.endpoint.heldSegments;
    host.endpoint.heldSegments.reorder = (view, session, now) => {
      const before = highest.get(session) ?? view.sequence;
      if (view.payloadLength > 0 && view.sequence < before - 100_000) return false;
      highest.set(session, Math.max(before, view.sequence));
      return reorder.call(host.endpoint.heldSegments, view, session, now);
    };
  },
};
