import { readU16be, writeU16be } from '../../src/codec/bytes.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'unwraps-with-stale-checksum',
  defect: 'A segment that came in UDP goes up with the TCP checksum that its sender had computed for other addresses.',
  requirements: ['MPIP-UW-04', 'MPIP-RX-04'],
  killedBy: ['UW-ports-come-from-the-session'],
  tcpMode: 'udp-wrapper',
  apply({ endpoint }) {
    const { inboundData } = endpoint;
    const { unwrapSegment } = inboundData;
    inboundData.unwrapSegment = (view, session) => {
      const before = readU16be(view.bytes, view.payloadOffset + 16);
      unwrapSegment.call(inboundData, view, session);
      writeU16be(view.bytes, view.l4Offset + 16, before);
    };
  },
};
