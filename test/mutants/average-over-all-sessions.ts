import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'average-over-all-sessions',
  defect: 'The average queuing delay is that of all paths to the peer, not of the connection.',
  requirements: ['MPIP-SE-10'],
  killedBy: ['SE-per-connection'],
  apply(host) {
    const { selection } = host.endpoint.state;
    selection.adjustWeights = (session, now) => {
      const due = Math.floor((now - session.weightsAt) / 100_000);
      if (due <= 0) return;
      session.weightsAt += due * 100_000;
      const all = [...session.peer.paths.values()];
      const average = all.reduce((sum, path) => sum + path.queuing, 0) / all.length;
      for (const path of session.paths) {
        path.weight =
          path.queuing <= average ? Math.min(1000, path.weight + 10 * due) : Math.max(1, path.weight - 10 * due);
      }
    };
  },
};
