import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'loses-the-packet-when-a-path-goes',
  defect: 'The packet that finds a path obsolete is dropped.',
  requirements: ['MPIP-EX-02'],
  killedBy: ['EX-traffic-continues'],
  apply(host) {
    const { outbound, state } = host.endpoint;
    const { sendData } = outbound;
    outbound.sendData = (view, session, layout, now, length) => {
      const { mesh } = state;
      const before = session.paths.length;
      mesh.prune(session, now);
      if (session.paths.length === before) sendData.call(outbound, view, session, layout, now, length);
    };
  },
};
