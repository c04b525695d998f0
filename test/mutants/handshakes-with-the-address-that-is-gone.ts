import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'handshakes-with-the-address-that-is-gone',
  defect: 'Fake handshakes are begun with the address that the connection went to before the peer changed it.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-fake-paths-come-back'],
  apply({ endpoint: { fakeTcp } }) {
    const { start } = fakeTcp;
    fakeTcp.start = (session, ...rest) => {
      const { isRemoteLost } = session;
      session.isRemoteLost = false;
      const isDone = start.call(fakeTcp, session, ...rest);
      session.isRemoteLost = isRemoteLost;
      return isDone;
    };
  },
};
