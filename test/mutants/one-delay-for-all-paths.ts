import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'one-delay-for-all-paths',
  defect: 'The latest delay of any path of a node is fed back for each.',
  requirements: ['MPIP-FB-02'],
  killedBy: ['FB-each-path-its-own-delay'],
  apply({ endpoint }) {
    const { measure } = endpoint.measurements;
    endpoint.measurements.measure = (peer, pathId, timestamp, now) => {
      measure.call(endpoint.measurements, peer, pathId, timestamp, now);
      for (const row of peer.feedback.rows()) row.delay = peer.feedback.get(pathId)!.delay;
    };
  },
};
