import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'delays-compared-without-wrapping',
  defect: 'Delays are compared as plain numbers, so that one past 2^31 counts as the smallest.',
  requirements: ['MPIP-FB-08'],
  killedBy: ['FB-offset-does-not-matter'],
  apply(host) {
    const { measurements } = host.endpoint;
    const { applyFeedback } = measurements;
    const least = new WeakMap<object, number>();
    measurements.applyFeedback = (peer, pathId, delay, now) => {
      const path = peer.paths.get(pathId);
      if (path !== undefined) {
        const before = least.get(path) ?? delay;
        // Far below what was seen: the new minimum, with no queuing delay.
        if (delay < before - 2 ** 31) path.restart();
        least.set(path, Math.min(before, delay));
      }
      applyFeedback.call(measurements, peer, pathId, delay, now);
    };
  },
};
