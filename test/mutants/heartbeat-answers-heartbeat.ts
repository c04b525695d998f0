import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeat-answers-heartbeat',
  defect: 'A heartbeat is answered by a heartbeat, so that idle nodes send for ever.',
  requirements: ['MPIP-HB-07'],
  killedBy: ['HB-none-for-control-packets'],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { flags, sessionId, pathId, layout, nodeId } = view.cm;
      const deliver = processCm.call(endpoint.inbound, view, now);
      const peer = endpoint.nodes.at(view.source, view.sourcePort);
      if (flags !== Flags.heartbeat || peer === undefined || peer.nodeId !== nodeId) return deliver;
      const session = peer.sessions.get(sessionId);
      endpoint.heartbeats.considerHeartbeat(view, peer, session, sessionId, pathId, layout, now);
      return deliver;
    };
  },
};
