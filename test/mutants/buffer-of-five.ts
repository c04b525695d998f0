import { ReorderingBuffer } from '../../src/endpoint/reordering.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'buffer-of-five',
  defect: 'The out-of-order buffer is full with five segments.',
  requirements: ['MPIP-OO-04'],
  killedBy: ['OO-buffer-of-ten', 'OO-held-in-order-of-sequence'],
  apply(host) {
    const { heldSegments, settings } = host.endpoint;
    const { reorder } = heldSegments;
    heldSegments.reorder = (view, session, now) => {
      session.reordering ??= new ReorderingBuffer(5, settings.constants['reordering-hold'], false);
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
