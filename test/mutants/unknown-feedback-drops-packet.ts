import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'unknown-feedback-drops-packet',
  defect: 'A packet that feeds back an unknown path is dropped.',
  requirements: ['MPIP-RX-02'],
  killedBy: ['FB-any-feedback-tolerated'],
  apply({ endpoint }) {
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { feedbackPathId, nodeId, layout } = view.cm;
      const known = endpoint.nodes.withId(nodeId, layout).some((peer) => peer.paths.has(feedbackPathId));
      return processCm.call(endpoint.inbound, view, now) && (feedbackPathId === 0 || known);
    };
  },
};
