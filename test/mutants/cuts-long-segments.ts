import { buildTcp, DatagramView } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'cuts-long-segments',
  defect: 'User data of a long segment is cut to make room for the control message, and the rest is lost.',
  requirements: ['MPIP-CM-04', 'MPIP-CM-05'],
  killedBy: ['CM-stream-keeps-every-octet'],
  apply(host) {
    const { outbound } = host.endpoint;
    const { sendData } = outbound;
    outbound.sendData = (view, session, layout, now, length) => {
      if (view.protocol !== 6 || view.payloadLength <= 1000) {
        sendData.call(outbound, view, session, layout, now, length);
        return;
      }
      const payload = view.bytes.slice(view.payloadOffset, view.payloadOffset + 1000);
      const { source, sourcePort, destination, destinationPort, sequence, acknowledgement, tcpFlags: flags } = view;
      const cut = buildTcp(
        { source, sourcePort, destination, destinationPort },
        { sequence, acknowledgement, flags },
        payload,
      );
      const shorter = new DatagramView();
      shorter.parse(cut, 0, cut.length);
      // The next segment goes on behind what was cut away.
      sendData.call(outbound, shorter, session, layout, now, cut.length);
    };
  },
};
