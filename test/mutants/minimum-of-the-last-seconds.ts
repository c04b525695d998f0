import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'minimum-of-the-last-seconds',
  defect: 'The minimum delay is that of the last fifteen seconds.',
  requirements: ['MPIP-SE-06'],
  killedBy: ['SE-minimum-over-all-time'],
  apply(host) {
    const { measurements } = host.endpoint;
    const { applyFeedback } = measurements;
    const seen = new WeakMap<object, { at: number; delay: number }[]>();
    measurements.applyFeedback = (peer, pathId, delay, now) => {
      applyFeedback.call(measurements, peer, pathId, delay, now);
      const path = peer.paths.get(pathId);
      if (path === undefined) return;
      const recent = (seen.get(path) ?? []).filter(({ at }) => now - at < 15_000_000);
      recent.push({ at: now, delay: path.delay ?? 0 });
      seen.set(path, recent);
      path.minDelay = Math.min(...recent.map((sample) => sample.delay));
    };
  },
};
