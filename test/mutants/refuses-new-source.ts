import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'refuses-new-source',
  defect: "A session's data from an address and port not seen before is dropped.",
  requirements: ['MPIP-RX-01'],
  killedBy: ['RX-from-other-new-port'],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { sessionId, nodeId, layout, flags } = view.cm;
      const known = endpoint.availability.get(view.source, view.sourcePort)?.enabled;
      const held = endpoint.nodes.withId(nodeId, layout).some((peer) => peer.sessions.has(sessionId));
      if (flags <= Flags.ipChange && !known && held) return false;
      return processCm.call(endpoint.inbound, view, now);
    };
  },
};
