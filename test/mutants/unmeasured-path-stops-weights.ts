import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'unmeasured-path-stops-weights',
  defect: 'While one path has no delay no weight changes.',
  requirements: ['MPIP-SE-03'],
  killedBy: ['SE-path-without-delay-stops-nothing'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      if (session.paths.every(({ samples }) => samples > 0)) adjustWeights.call(selection, session, now);
    };
  },
};
