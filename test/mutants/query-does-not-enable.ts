import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'query-does-not-enable',
  defect: 'A query is confirmed and does not mark its sender enabled.',
  requirements: ['MPIP-AV-05', 'MPIP-AV-19'],
  killedBy: [
    'AV-both-ask-at-once',
    'AV-query-enables',
    'AV-query-enables-for-every-service',
    'AV-query-overrides-giving-up',
    'AV-tcp-confirm-copies-next-segment',
    'AV-tcp-confirm-enables',
    'AV-tcp-copied-segment-is-sent',
    'AV-tcp-no-segment-invented',
    'AV-tcp-query-copies-segment',
  ],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    const { markEnabled } = endpoint.handshake;
    endpoint.inbound.processCm = (view, now) => {
      endpoint.handshake.markEnabled = view.cm.flags === Flags.enable ? () => {} : markEnabled;
      return processCm.call(endpoint.inbound, view, now);
    };
  },
};
