import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'begins-no-fake-handshakes',
  defect: 'The initiator of a connection begins no fake handshake.',
  requirements: ['MPIP-HS-03', 'MPIP-TM-02'],
  killedBy: ['HS-client-syn-on-every-path', 'TM-fake-tcp'],
  apply(host) {
    host.endpoint.fakeTcp.start = () => true;
  },
};
