import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delays-are-not-smoothed',
  defect: 'The last delay fed back counts by itself, without an average.',
  requirements: ['MPIP-FB-07'],
  killedBy: ['FB-outliers-are-smoothed'],
  apply(host) {
    const { measurements, settings } = host.endpoint;
    measurements.applyFeedback = (peer, pathId, delay, now) => {
      peer.paths.get(pathId)?.applyFeedback(delay, 1, 60_000_000 / settings.profile.tickMicros, now);
    };
  },
};
