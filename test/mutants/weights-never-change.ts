import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'weights-never-change',
  defect: 'Weights stay what they are at first.',
  requirements: ['MPIP-SE-03'],
  killedBy: [
    'FB-offset-does-not-matter',
    'SE-congested-path-loses-weight',
    'SE-equal-queuing-raises-all',
    'SE-minimum-over-all-time',
    'SE-path-without-delay-stops-nothing',
    'SE-per-connection',
    'SE-weight-falls-by-step-per-period',
    'SE-weight-has-a-maximum',
    'SE-weights-begin-with-the-paths',
  ],
  apply(host) {
    host.endpoint.state.selection.adjustWeights = () => {};
  },
};
