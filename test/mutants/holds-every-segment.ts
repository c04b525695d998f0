import { TCP } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'holds-every-segment',
  defect: 'Every segment waits for 30 ms before it is delivered, also one in sequence.',
  requirements: ['MPIP-OO-01'],
  killedBy: [
    'OO-buffer-of-ten',
    'OO-gap-filled',
    'OO-held-in-order-of-sequence',
    'OO-in-sequence-at-once',
    'OO-late-segment-passes',
    'OO-per-session',
    'OO-sequence-wraps',
  ],
  apply(host) {
    const { heldSegments } = host.endpoint;
    const { reorder, releaseHeld } = heldSegments;
    const waiting: { packet: Uint8Array; at: number }[] = [];
    heldSegments.reorder = (view, session, now) => {
      if (view.protocol !== TCP || view.payloadLength === 0) return reorder.call(heldSegments, view, session, now);
      heldSegments.holding.add(session);
      waiting.push({ packet: view.bytes.slice(0, view.end), at: now + 30_000 });
      return false;
    };
    Object.defineProperty(heldSegments, 'isHolding', { get: () => true });
    heldSegments.releaseHeld = (now) => {
      const { deliveries } = host.endpoint.state;
      while (waiting[0] !== undefined && waiting[0].at <= now) deliveries.filling.appendCopy(waiting.shift()!.packet);
      return Math.min(releaseHeld.call(heldSegments, now), waiting[0]?.at ?? Number.POSITIVE_INFINITY);
    };
  },
};
