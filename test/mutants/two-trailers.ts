import { DatagramView, encode, Flags } from '../../src/codec/index.js';
import { appended, type Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'two-trailers',
  defect: 'Data packets carry two CMs.',
  requirements: ['MPIP-CM-01'],
  killedBy: [
    'AD-first-packet-is-flagged',
    'AV-tcp-confirm-copies-next-segment',
    'AV-tcp-confirm-enables',
    'AV-tcp-copied-segment-is-sent',
    'AV-tcp-query-copies-segment',
    'CM-data-before-confirmation',
    'CM-data-flags-delivered',
    'CM-one-after-user-data',
  ],
  apply({ endpoint }) {
    const { sendData } = endpoint.outbound;
    endpoint.outbound.sendData = (view, session, layout, now, length) => {
      const cm = endpoint.composer.compose(layout, Flags.normal, now);
      const bytes = appended(view.bytes.slice(0, length), encode({ ...cm, sessionId: session.id }));
      const longer = new DatagramView();
      longer.parse(bytes, 0, bytes.length);
      sendData.call(endpoint.outbound, longer, session, layout, now, bytes.length);
    };
  },
};
