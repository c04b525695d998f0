import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'syn-on-one-path-only',
  defect: 'The initiator begins one fake handshake and leaves the other paths.',
  requirements: ['MPIP-HS-03'],
  killedBy: ['HS-client-syn-on-every-path', 'HS-client-syn-to-where-the-connection-goes'],
  apply(host) {
    const { fakeTcp } = host.endpoint;
    const { start } = fakeTcp;
    fakeTcp.start = (session, locals, now) => start.call(fakeTcp, session, locals.slice(0, 1), now);
  },
};
