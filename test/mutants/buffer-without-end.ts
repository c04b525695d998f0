import { ReorderingBuffer } from '../../src/endpoint/reordering.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'buffer-without-end',
  defect: 'The out-of-order buffer is never full.',
  requirements: ['MPIP-OO-04'],
  killedBy: ['OO-buffer-of-ten'],
  apply(host) {
    const { heldSegments, settings } = host.endpoint;
    const { reorder } = heldSegments;
    heldSegments.reorder = (view, session, now) => {
      session.reordering ??= new ReorderingBuffer(1000, settings.constants['reordering-hold'], false);
      return reorder.call(heldSegments, view, session, now);
    };
  },
};
