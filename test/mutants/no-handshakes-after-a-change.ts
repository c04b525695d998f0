import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'no-handshakes-after-a-change',
  defect: 'Once the peer has changed its address no fake handshake is begun any more.',
  requirements: ['MPIP-AD-04'],
  killedBy: ['AD-fake-paths-come-back'],
  apply({ endpoint: { fakeTcp } }) {
    const { start } = fakeTcp;
    fakeTcp.start = (session, ...rest) => session.changesSeen !== undefined || start.call(fakeTcp, session, ...rest);
  },
};
