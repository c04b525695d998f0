import { Flags } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-no-data-of-unknown-nodes',
  defect: 'A control message of a node that was not heard before counts only on a query or a confirmation.',
  requirements: ['MPIP-CM-08'],
  killedBy: ['CM-data-before-confirmation', 'CM-first-query-not-delivered'],
  apply({ endpoint }) {
    const { inbound } = endpoint;
    const { isAcceptable } = inbound;
    inbound.isAcceptable = (view) => {
      const { nodeId, layout, flags } = view.cm;
      const isKnown = endpoint.nodes.isKnown(nodeId, layout) || nodeId === endpoint.composer.nodeId(layout);
      return (isKnown || flags === Flags.enable || flags === Flags.enabled) && isAcceptable.call(inbound, view);
    };
  },
};
