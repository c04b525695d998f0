import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-unwraps',
  defect: 'A wrapped segment is taken for a datagram.',
  requirements: ['MPIP-UW-03'],
  killedBy: ['UW-checksum-not-computed', 'UW-ports-come-from-the-session', 'UW-wrapped-segment-is-taken'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { inboundData } = host.endpoint;
    const { receiveData } = inboundData;
    inboundData.receiveData = (view, peer, sessionId, ...rest) => {
      const session = peer.sessions.get(sessionId);
      if (view.protocol === 17 && session?.protocol === 6) return true;
      return receiveData.call(inboundData, view, peer, sessionId, ...rest);
    };
  },
};
