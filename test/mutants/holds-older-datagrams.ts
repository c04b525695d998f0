import { UDP } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'holds-older-datagrams',
  defect: 'A datagram that is older than the one before it, by its timestamp, waits for 30 ms.',
  requirements: ['MPIP-OO-07'],
  killedBy: ['OO-udp-is-never-held'],
  apply(host) {
    const { heldSegments, inbound, state } = host.endpoint;
    const { processCm } = inbound;
    const { releaseHeld } = heldSegments;
    const newest = new Map<number, number>();
    const waiting: { packet: Uint8Array; at: number }[] = [];
    inbound.processCm = (view, now) => {
      const { flags, timestamp, nodeId } = view.cm;
      const before = newest.get(nodeId) ?? timestamp;
      const isOlder = ((timestamp - before) | 0) < 0;
      if (!isOlder) newest.set(nodeId, timestamp);
      const goesUp = processCm.call(inbound, view, now);
      if (!goesUp || !isOlder || flags !== 0 || view.protocol !== UDP) return goesUp;
      waiting.push({ packet: view.bytes.slice(0, view.end), at: now + 30_000 });
      return false;
    };
    Object.defineProperty(heldSegments, 'isHolding', { get: () => true });
    heldSegments.releaseHeld = (now) => {
      while (waiting[0] !== undefined && waiting[0].at <= now)
        state.deliveries.filling.appendCopy(waiting.shift()!.packet);
      return Math.min(releaseHeld.call(heldSegments, now), waiting[0]?.at ?? Number.POSITIVE_INFINITY);
    };
  },
};
