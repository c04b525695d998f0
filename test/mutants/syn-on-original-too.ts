import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'syn-on-original-too',
  defect: 'The initiator begins a fake handshake on the original path, too.',
  requirements: ['MPIP-HS-03'],
  killedBy: ['AD-fake-paths-come-back', 'HS-client-syn-on-every-path'],
  apply(host) {
    const { fakeTcp } = host.endpoint;
    const { start } = fakeTcp;
    fakeTcp.start = (session, locals, now) => {
      fakeTcp.again(session, session.tuple, now);
      return start.call(fakeTcp, session, locals, now);
    };
  },
};
