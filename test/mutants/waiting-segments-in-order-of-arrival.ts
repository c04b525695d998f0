import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'waiting-segments-in-order-of-arrival',
  defect: 'Segments that wait are delivered in the order in which they came.',
  requirements: ['MPIP-OO-06'],
  killedBy: ['OO-second-gap-still-waits', 'OO-held-in-order-of-sequence'],
  apply(host) {
    const { heldSegments } = host.endpoint;
    const { reorder } = heldSegments;
    const waiting = new WeakMap<object, Uint8Array[]>();
    heldSegments.reorder = (view, session, now) => {
      const buffer = session.reordering;
      const { deliveries } = host.endpoint.state;
      if (buffer?.next !== undefined && view.payloadLength > 0) {
        const held = waiting.get(session) ?? [];
        const ahead = (view.sequence - buffer.next) | 0;
        if (ahead > 0) {
          waiting.set(session, [...held, view.bytes.slice(0, view.end)]);
          return reorder.call(heldSegments, view, session, now);
        }
        if (ahead === 0 && buffer.size === held.length && held.length > 0) {
          deliveries.filling.appendCopy(view.bytes.slice(0, view.end));
          for (const packet of held) deliveries.filling.appendCopy(packet);
          buffer.flush(() => {});
          waiting.delete(session);
          return false;
        }
        if (ahead === 0) waiting.delete(session);
      }
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
