import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'wraps-nothing',
  defect: 'In wrapper mode segments go as TCP on every path.',
  requirements: ['MPIP-UW-01', 'MPIP-TM-01'],
  killedBy: ['TM-udp-wrapper', 'UW-other-paths-are-wrapped', 'UW-wrapped-to-our-other-address'],
  tcpMode: 'udp-wrapper',
  apply(host) {
    const { mesh } = host.endpoint.state;
    const { add } = mesh;
    mesh.add = (session, tuple, weight, now) => {
      const path = add.call(mesh, session, tuple, weight, now);
      if (path !== undefined) path.encapsulation = 'none';
      return path;
    };
  },
};
