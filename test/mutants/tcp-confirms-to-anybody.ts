import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'tcp-confirms-to-anybody',
  defect: 'A TCP confirmation goes out with the next segment of whatever connection.',
  requirements: ['MPIP-AV-08'],
  killedBy: ['AV-tcp-confirm-to-whoever-asked'],
  apply(host) {
    const { waiting } = host.endpoint.state;
    const { add, take } = waiting;
    waiting.add = (_local, _localPort, _remote, _remotePort, now) => add.call(waiting, 0, 0, 0, 0, now);
    waiting.take = (_local, _localPort, _remote, _remotePort, now) => take.call(waiting, 0, 0, 0, 0, now);
  },
};
