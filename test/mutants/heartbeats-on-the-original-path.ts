import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeats-on-the-original-path',
  defect: 'Heartbeats go back by the path that the packet came by.',
  requirements: ['MPIP-HB-05'],
  killedBy: ['HB-path-by-normal-selection', 'SS-received-packets-refresh'],
  apply(host) {
    const { outbound, inbound } = host.endpoint;
    const { considerHeartbeat } = inbound;
    inbound.considerHeartbeat = (...args) => {
      const { choosePath } = outbound;
      outbound.choosePath = (session) => session.paths.find((path) => path.isOriginal);
      considerHeartbeat.apply(inbound, args);
      outbound.choosePath = choosePath;
    };
  },
};
