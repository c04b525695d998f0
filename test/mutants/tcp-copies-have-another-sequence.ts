import { readU32be, writeU32be } from '../../src/codec/bytes.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-copies-have-another-sequence',
  defect: 'Copies of segments for queries and confirmations get a sequence number of their own.',
  requirements: ['MPIP-AV-04', 'MPIP-AV-10'],
  killedBy: ['AV-tcp-confirm-copies-next-segment', 'AV-tcp-copied-segment-is-sent', 'AV-tcp-query-copies-segment'],
  apply({ endpoint }) {
    const { transmitter, state } = endpoint;
    const { sendCopy } = transmitter;
    transmitter.sendCopy = (view, tuple, flags, layout, now) => {
      sendCopy.call(transmitter, view, tuple, flags, layout, now);
      if (view.protocol !== 6) return;
      const queue = state.transmits.filling;
      const { bytes } = queue.at(queue.length - 1);
      writeU32be(bytes, 24, (readU32be(bytes, 24) + 0x1000_0000) >>> 0);
    };
  },
};
