import { readU16be } from '../../src/codec/bytes.js';
import { UDP } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'refuses-wrappers-without-checksum',
  defect: 'A wrapped segment without a UDP checksum is taken for a damaged one.',
  requirements: ['MPIP-UW-03'],
  killedBy: ['UW-checksum-not-computed'],
  tcpMode: 'udp-wrapper',
  apply({ endpoint }) {
    const { inboundData } = endpoint;
    const { receiveData } = inboundData;
    inboundData.receiveData = (view, peer, sessionId, pathId, layout, now) => {
      const isTcp = peer.sessions.get(sessionId)?.protocol === 6;
      if (isTcp && view.protocol === UDP && readU16be(view.bytes, view.l4Offset + 6) === 0) return false;
      return receiveData.call(inboundData, view, peer, sessionId, pathId, layout, now);
    };
  },
};
