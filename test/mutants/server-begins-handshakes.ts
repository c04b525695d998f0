import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'server-begins-handshakes',
  defect: 'Either end begins fake handshakes, whoever opened the connection.',
  requirements: ['MPIP-HS-02'],
  killedBy: ['HS-server-sends-no-syn'],
  apply(host) {
    const { discovery } = host.endpoint;
    const { discoverPaths } = discovery;
    discovery.discoverPaths = (session, layout, now) => {
      session.isInitiator = true;
      discoverPaths.call(discovery, session, layout, now);
    };
  },
};
