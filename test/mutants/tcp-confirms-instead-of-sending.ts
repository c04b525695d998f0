import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-confirms-instead-of-sending',
  defect: 'The segment that the confirmation copies is not sent itself.',
  requirements: ['MPIP-AV-21'],
  killedBy: ['AV-tcp-copied-segment-is-sent'],
  apply({ endpoint }) {
    const { outbound, state } = endpoint;
    const { sendToEnabled } = outbound;
    outbound.sendToEnabled = (view, row, now, length) => {
      const before = state.transmits.filling.length;
      const confirmations = state.counters.confirmationsSent;
      sendToEnabled.call(outbound, view, row, now, length);
      if (state.counters.confirmationsSent === confirmations || view.end === view.payloadOffset) return;
      // The confirmation is the last of those that were added; the first is the segment itself.
      state.transmits.filling.at(before).length = 0;
    };
  },
};
