import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'weights-change-every-other-period',
  defect: 'Algorithm 1 runs once in two periods.',
  requirements: ['MPIP-SE-03', 'MPIP-SE-05'],
  killedBy: [
    'FB-offset-does-not-matter',
    'SE-congested-path-loses-weight',
    'SE-path-without-delay-stops-nothing',
    'SE-per-connection',
    'SE-weight-falls-by-step-per-period',
    'SE-weight-has-a-maximum',
    'SE-weights-begin-with-the-paths',
  ],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      const half = session.weightsAt + Math.floor((now - session.weightsAt) / 2);
      const period = host.endpoint.settings.constants['weight-period'];
      if (half - session.weightsAt < period) return;
      adjustWeights.call(selection, session, half);
      session.weightsAt = now - ((now - half) % period);
    };
  },
};
