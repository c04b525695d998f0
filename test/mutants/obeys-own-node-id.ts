import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'obeys-own-node-id',
  defect: "CMs with the node's own id are processed like those of any other node.",
  requirements: ['MPIP-CM-07'],
  killedBy: ['RX-own-node-id-changes-nothing'],
  apply({ endpoint }) {
    const { nodeId } = endpoint.composer;
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const own = nodeId.call(endpoint.composer, view.cm.layout);
      let asked = 0;
      // The first question is whether the CM is our own.
      endpoint.composer.nodeId = (layout) =>
        asked++ === 0 ? -1 : layout === view.cm.layout ? own : nodeId.call(endpoint.composer, layout);
      const deliver = processCm.call(endpoint.inbound, view, now);
      endpoint.composer.nodeId = nodeId;
      return deliver;
    };
  },
};
