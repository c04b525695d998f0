import { ReorderingBuffer } from '../../src/endpoint/reordering.js';
import { type Mutant, withBuffer } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'buffer-without-end',
  defect: 'The out-of-order buffer is never full.',
  requirements: ['MPIP-OO-04'],
  killedBy: ['OO-buffer-of-ten'],
  apply(host) {
    withBuffer(host, (constants) => new ReorderingBuffer(1000, constants['reordering-hold'], false));
  },
};
