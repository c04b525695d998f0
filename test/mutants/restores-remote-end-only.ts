import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'restores-remote-end-only',
  defect: 'Data that came by another path keeps the local port of that path.',
  requirements: ['MPIP-RX-01'],
  killedBy: ['AD-own-change-is-flagged', 'AD-own-session-survives', 'RX-to-other-service-port'],
  apply({ endpoint }) {
    const { restore } = endpoint.inboundData;
    endpoint.inboundData.restore = (view, session) => {
      const { destination: source, destinationPort: sourcePort } = view;
      const tuple = { ...session.tuple, source, sourcePort };
      const partly: typeof session = Object.create(session, { tuple: { value: tuple } });
      restore.call(endpoint.inboundData, view, partly);
    };
  },
};
