import { ReorderingBuffer } from '../../src/endpoint/reordering.js';
import { type Mutant, withBuffer } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'waiting-segments-stay',
  defect: 'When the missing segment comes the waiting ones stay until they have waited long enough.',
  requirements: ['MPIP-OO-03'],
  killedBy: ['OO-gap-filled', 'OO-held-in-order-of-sequence', 'OO-sequence-wraps'],
  apply(host) {
    withBuffer(host, (constants) => {
      const buffer = new ReorderingBuffer(constants['reordering-slots'], constants['reordering-hold'], false);
      const { accept } = buffer;
      buffer.accept = (one, at, deliver) => {
        const isNext = one.sequence === buffer.next && buffer.size > 0;
        if (isNext) deliver(one.bytes, one.end);
        else accept.call(buffer, one, at, deliver);
      };
      return buffer;
    });
  },
};
