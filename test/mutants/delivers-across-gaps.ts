import { ReorderingBuffer } from '../../src/endpoint/reordering.js';
import { type Mutant, withBuffer } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delivers-across-gaps',
  defect: 'When a missing segment comes everything that waits is delivered, also what waits for another one.',
  requirements: ['MPIP-OO-03'],
  killedBy: ['OO-second-gap-still-waits'],
  apply(host) {
    withBuffer(host, (constants) => {
      const buffer = new ReorderingBuffer(constants['reordering-slots'], constants['reordering-hold'], false);
      const { accept } = buffer;
      buffer.accept = (one, at, deliver, patience) => {
        const before = buffer.next;
        accept.call(buffer, one, at, deliver, patience);
        if (buffer.next !== before) buffer.flush(deliver);
      };
      return buffer;
    });
  },
};
