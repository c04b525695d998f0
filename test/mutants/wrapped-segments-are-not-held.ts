import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'wrapped-segments-are-not-held',
  defect: 'Early segments that came in the UDP wrapper go to the TCP at once.',
  requirements: ['MPIP-OO-02'],
  killedBy: ['OO-wrapped-segment-held'],
  tcpMode: 'udp-wrapper',
  apply({ endpoint: { heldSegments, inboundData } }) {
    let isWrapped = false;
    const { unwrapSegment, receiveData } = inboundData;
    const { reorder } = heldSegments;
    inboundData.receiveData = (...packet) => {
      isWrapped = false;
      return receiveData.apply(inboundData, packet);
    };
    inboundData.unwrapSegment = (...packet) => {
      isWrapped = true;
      unwrapSegment.apply(inboundData, packet);
    };
    heldSegments.reorder = (...segment) => isWrapped || reorder.apply(heldSegments, segment);
  },
};
