import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'weights-run-before-paths',
  defect: 'A session that was without paths works off all the periods of that time with its first path.',
  requirements: ['MPIP-SE-02'],
  killedBy: ['SE-weights-begin-with-the-paths'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      if (session.paths.length > 0) adjustWeights.call(selection, session, now);
    };
  },
};
