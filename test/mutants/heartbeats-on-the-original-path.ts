import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeats-on-the-original-path',
  defect: 'Heartbeats go back by the path that the packet came by.',
  requirements: ['MPIP-HB-05'],
  killedBy: ['HB-path-by-normal-selection', 'SS-received-packets-refresh'],
  apply(host) {
    const { pathChoice, heartbeats } = host.endpoint;
    const { considerHeartbeat } = heartbeats;
    heartbeats.considerHeartbeat = (...args) => {
      const { choosePath } = pathChoice;
      pathChoice.choosePath = (session) => session.paths.find((path) => path.isOriginal);
      considerHeartbeat.apply(heartbeats, args);
      pathChoice.choosePath = choosePath;
    };
  },
};
