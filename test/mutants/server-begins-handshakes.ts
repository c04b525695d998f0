import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'server-begins-handshakes',
  defect: 'Either end begins fake handshakes, whoever opened the connection.',
  requirements: ['MPIP-HS-02'],
  killedBy: ['HS-server-sends-no-syn'],
  apply(host) {
    const { outbound } = host.endpoint;
    const { discoverPaths } = outbound;
    outbound.discoverPaths = (session, layout, now) => {
      session.isInitiator = true;
      discoverPaths.call(outbound, session, layout, now);
    };
  },
};
