import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'queuing-counts-from-the-first-delay',
  defect: "A path's queuing delay is counted from its first delay, although lower ones were seen.",
  requirements: ['MPIP-SE-06'],
  killedBy: ['SE-minimum-over-all-time'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      for (const path of session.paths) path.minDelay = 0;
      adjustWeights.call(selection, session, now);
    };
  },
};
