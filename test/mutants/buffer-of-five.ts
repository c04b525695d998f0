import { ReorderingBuffer } from '../../src/endpoint/reordering.js';
import { type Mutant, withBuffer } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'buffer-of-five',
  defect: 'The out-of-order buffer is full with five segments.',
  requirements: ['MPIP-OO-04'],
  killedBy: ['OO-buffer-of-ten', 'OO-held-in-order-of-sequence'],
  apply(host) {
    withBuffer(host, (constants) => new ReorderingBuffer(5, constants['reordering-hold'], false));
  },
};
