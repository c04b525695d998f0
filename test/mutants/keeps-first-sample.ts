import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'keeps-first-sample',
  defect: 'The first delay of a path is fed back for ever; later samples do not replace it.',
  requirements: ['MPIP-FB-03'],
  killedBy: ['FB-delay-is-receive-time-minus-timestamp', 'FB-later-sample-replaces', 'FB-negative-delay'],
  apply({ endpoint }) {
    const { measure } = endpoint.measurements;
    endpoint.measurements.measure = (peer, pathId, timestamp, now) => {
      const before = peer.feedback.get(pathId)?.delay;
      measure.call(endpoint.measurements, peer, pathId, timestamp, now);
      if (before !== undefined) peer.feedback.get(pathId)!.delay = before;
    };
  },
};
