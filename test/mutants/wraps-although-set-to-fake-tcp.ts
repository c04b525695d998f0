import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'wraps-although-set-to-fake-tcp',
  defect: 'A node that is set to fake TCP uses the UDP wrapper.',
  requirements: ['MPIP-TM-01', 'MPIP-TM-02'],
  killedBy: ['HS-client-syn-on-every-path', 'HS-data-unchanged-on-fake-path', 'TM-fake-tcp'],
  apply(host) {
    const { state, settings } = host.endpoint;
    Object.assign(settings, { tcpMode: 'udp-wrapper' });
    Object.assign((state.mesh as unknown as { options: object }).options, { wrapsTcp: true });
  },
};
