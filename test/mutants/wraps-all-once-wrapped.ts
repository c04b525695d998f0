import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'wraps-all-once-wrapped',
  defect: 'Once a segment of a connection was wrapped, all are.',
  requirements: ['MPIP-UW-06'],
  killedBy: ['MT-each-connection-has-its-own-paths', 'UW-decided-per-packet'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { pathChoice } = host.endpoint;
    const { choosePath } = pathChoice;
    pathChoice.choosePath = (session, now, ...rest) => {
      const path = choosePath.call(pathChoice, session, now, ...rest);
      const wrapped = session.paths.find((one) => one.encapsulation === 'udp-wrapper' && one.packetsSent > 0);
      return path?.encapsulation === 'none' && wrapped !== undefined && session.protocol === 6 ? wrapped : path;
    };
  },
};
