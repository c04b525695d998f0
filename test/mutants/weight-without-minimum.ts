import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'weight-without-minimum',
  defect: 'A weight goes on falling below the least and needs as long to come back.',
  requirements: ['MPIP-SE-04'],
  killedBy: ['SE-path-recovers'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { adjustWeights } = selection;
    const debts = new WeakMap<object, number>();
    selection.adjustWeights = (session, now) => {
      const before = session.paths.map((path) => path.weight);
      const { weightsAt } = session;
      adjustWeights.call(selection, session, now);
      const step = 10 * Math.floor((session.weightsAt - weightsAt) / 100_000);
      session.paths.forEach((path, i) => {
        const debt = debts.get(path) ?? 0;
        if (path.weight > before[i]! && debt > 0) {
          path.weight = before[i]!;
          debts.set(path, Math.max(0, debt - step));
        } else if (path.weight === 1 && before[i] === 1) debts.set(path, debt + step);
      });
    };
  },
};
