import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'keeps-ports-of-the-wrapper',
  defect: 'After unwrapping a segment keeps the ports that stand in its header.',
  requirements: ['MPIP-UW-04'],
  killedBy: ['UW-ports-come-from-the-session'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { inboundData } = host.endpoint;
    const { unwrapSegment } = inboundData;
    inboundData.unwrapSegment = (view, session) => {
      const ports = view.bytes.slice(view.payloadOffset, view.payloadOffset + 4);
      unwrapSegment.call(inboundData, view, session);
      view.bytes.set(ports, view.l4Offset);
      view.parse(view.bytes, 0, view.end);
    };
  },
};
