import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'feedback-does-not-keep-paths',
  defect: 'A path goes after the threshold time of sending, fed back or not.',
  requirements: ['MPIP-EX-01'],
  killedBy: [
    'EX-fed-path-stays',
    'EX-never-fed-path-goes',
    'EX-path-without-feedback-goes',
    'FB-drift-does-not-matter',
    'FB-outliers-are-smoothed',
    'SE-congested-path-loses-weight',
    'SE-constant-delay-is-no-congestion',
    'SE-equal-queuing-raises-all',
    'SE-path-recovers',
    'SE-weight-falls-by-step-per-period',
    'SS-received-packets-refresh',
  ],
  apply(host) {
    const { measurements } = host.endpoint;
    const { applyFeedback } = measurements;
    measurements.applyFeedback = (peer, pathId, delay, now) => {
      const path = peer.paths.get(pathId);
      const aged = path?.unansweredMicros ?? 0;
      applyFeedback.call(measurements, peer, pathId, delay, now);
      if (path !== undefined) path.unansweredMicros = aged;
    };
  },
};
