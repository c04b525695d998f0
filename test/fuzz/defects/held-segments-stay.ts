import { TcpFlags } from '../../../src/codec/index.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'held-segments-stay',
  defect: 'A segment that came too early is never delivered, nor when it comes again.',
  kind: 'stall',
  like: 'R25',
  apply(host) {
    const next = new Map<object, number>();
    const held = new Map<object, Set<number>>();
    host.endpoint.heldSegments.reorder = (view, session) => {
      const flags = view.tcpFlags;
      const length = view.payloadLength + ((flags & (TcpFlags.syn | TcpFlags.fin)) === 0 ? 0 : 1);
      const expected = next.get(session);
      const early = held.get(session) ?? new Set();
      held.set(session, early);
      const isEarly = expected !== undefined && ((view.sequence - expected) | 0) > 0 && length > 0;
      if (isEarly || early.has(view.sequence)) {
        early.add(view.sequence);
        return false;
      }
      const end = (view.sequence + length) >>> 0;
      if (expected === undefined || ((end - expected) | 0) > 0) next.set(session, end);
      return true;
    };
  },
};
