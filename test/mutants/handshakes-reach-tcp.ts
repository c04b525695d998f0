import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'handshakes-reach-tcp',
  defect: 'Packets of fake handshakes go up to the TCP after processing.',
  requirements: ['MPIP-HS-01', 'MPIP-HS-08'],
  killedBy: [
    'HS-not-seen-by-tcp',
    'HS-only-an-ack-opens',
    'HS-path-only-after-three-packets',
    'HS-third-packet-of-another-session',
    'HS-wrong-acknowledgement-opens-nothing',
  ],
  apply(host) {
    const { inbound } = host.endpoint;
    const { processCm } = inbound;
    inbound.processCm = (view, now) => {
      const { flags } = view.cm;
      return processCm.call(inbound, view, now) || (flags === 5 && view.protocol === 6);
    };
  },
};
