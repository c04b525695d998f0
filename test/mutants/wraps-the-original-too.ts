import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'wraps-the-original-too',
  defect: 'In wrapper mode segments go in UDP on the original path, too.',
  requirements: ['MPIP-UW-02', 'MPIP-UW-06'],
  killedBy: ['UW-decided-per-packet', 'UW-original-is-not-wrapped'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) => {
      const path = add.call(mesh, session, tuple, weight, now);
      if (path !== undefined && session.protocol === 6) path.encapsulation = 'udp-wrapper';
      return path;
    };
  },
};
