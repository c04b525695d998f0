import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-copies-with-valid-checksum',
  defect: 'Query copies of TCP segments have a valid checksum, as in the kernel of 2017.',
  requirements: ['MPIP-AV-22'],
  killedBy: ['AV-tcp-copies-harm-no-plain-peer'],
  apply(host) {
    const { control } = host.endpoint.state;
    control.spoilTcpChecksum = () => {};
  },
};
