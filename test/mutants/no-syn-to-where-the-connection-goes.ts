import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'no-syn-to-where-the-connection-goes',
  defect: 'Fake handshakes are begun with the announced addresses only, not with the one that the connection goes to.',
  requirements: ['MPIP-HS-03', 'MPIP-PA-06'],
  killedBy: ['HS-client-syn-to-where-the-connection-goes'],
  apply({ endpoint: { fakeTcp } }) {
    const { start } = fakeTcp;
    fakeTcp.start = (session, locals, now) => {
      session.isRemoteLost = true;
      const isDone = start.call(fakeTcp, session, locals, now);
      session.isRemoteLost = false;
      return isDone;
    };
  },
};
