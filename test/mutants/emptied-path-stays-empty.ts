import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'emptied-path-stays-empty',
  defect: 'A path whose weight has fallen to the least keeps it, whatever its delay becomes.',
  requirements: ['MPIP-SE-07'],
  killedBy: ['SE-path-recovers'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    selection.adjustWeights = (session, now) => {
      const fallen = session.paths.filter((path) => path.weight === 1);
      adjustWeights.call(selection, session, now);
      for (const path of fallen) path.weight = 1;
    };
  },
};
