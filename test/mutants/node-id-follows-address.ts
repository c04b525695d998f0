import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'node-id-follows-address',
  defect: 'The node id is made from the primary address.',
  requirements: ['MPIP-NID-02'],
  killedBy: ['AD-own-session-survives'],
  apply(host) {
    const { composer } = host.endpoint;
    const { nodeId } = composer;
    composer.nodeId = (layout) => {
      const isFirst = host.endpoint.addresses[0] === host.addresses[0];
      return isFirst ? nodeId.call(composer, layout) : nodeId.call(composer, layout) ^ 0x0101;
    };
  },
};
