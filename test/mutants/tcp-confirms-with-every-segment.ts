import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-confirms-with-every-segment',
  defect: 'A query on TCP is confirmed with the next segment and with each one after it.',
  requirements: ['MPIP-AV-08'],
  killedBy: ['AV-tcp-confirmed-by-one-segment'],
  apply(host) {
    const { waiting } = host.endpoint.state;
    const { take } = waiting;
    waiting.take = (local, localPort, remote, remotePort, now) => {
      const isDue = take.call(waiting, local, localPort, remote, remotePort, now);
      if (isDue) waiting.add(local, localPort, remote, remotePort, now);
      return isDue;
    };
  },
};
