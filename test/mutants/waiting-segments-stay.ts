import { ReorderingBuffer } from '../../src/endpoint/reordering.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'waiting-segments-stay',
  defect: 'When the missing segment comes the waiting ones stay until they have waited long enough.',
  requirements: ['MPIP-OO-03'],
  killedBy: ['OO-gap-filled', 'OO-held-in-order-of-sequence', 'OO-sequence-wraps'],
  apply(host) {
    const { heldSegments, settings } = host.endpoint;
    const { reorder } = heldSegments;
    heldSegments.reorder = (view, session, now) => {
      if (session.reordering === undefined) {
        const { constants } = settings;
        const buffer = new ReorderingBuffer(constants['reordering-slots'], constants['reordering-hold'], false);
        const { accept } = buffer;
        buffer.accept = (one, at, deliver) => {
          const isNext = one.sequence === buffer.next && buffer.size > 0;
          if (isNext) deliver(one.bytes, one.end);
          else accept.call(buffer, one, at, deliver);
        };
        session.reordering = buffer;
      }
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
