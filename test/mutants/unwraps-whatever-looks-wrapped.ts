import { holdsSegment } from '../../src/endpoint/udp-wrapper.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'unwraps-whatever-looks-wrapped',
  defect: 'A datagram whose user data looks like a TCP segment is unwrapped, whatever its session is.',
  requirements: ['MPIP-UW-05'],
  killedBy: ['UW-udp-session-is-not-unwrapped'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { inboundData } = host.endpoint;
    const { receiveData } = inboundData;
    inboundData.receiveData = (view, peer, sessionId, ...rest) => {
      const session = peer.sessions.get(sessionId);
      const goesUp = receiveData.call(inboundData, view, peer, sessionId, ...rest);
      if (goesUp && session?.protocol === 17 && view.protocol === 17 && holdsSegment(view)) {
        const isAck = view.bytes[view.payloadOffset + 13] === 16;
        if (isAck) inboundData.unwrapSegment(view, session);
      }
      return goesUp;
    };
  },
};
