import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'handshakes-in-wrapper-mode',
  defect: 'In wrapper mode, too, the initiator begins fake handshakes.',
  requirements: ['MPIP-UW-07'],
  killedBy: ['TM-udp-wrapper', 'UW-no-handshake'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { discovery, fakeTcp, state } = host.endpoint;
    const { discoverPaths } = discovery;
    discovery.discoverPaths = (session, layout, now) => {
      if (session.protocol === 6) fakeTcp.start(session, state.addresses, now);
      discoverPaths.call(discovery, session, layout, now);
    };
  },
};
