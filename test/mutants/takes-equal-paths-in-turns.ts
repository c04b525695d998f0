import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-equal-paths-in-turns',
  defect: 'Paths of equal weight are taken one after the other instead of at random.',
  requirements: ['MPIP-SE-01'],
  killedBy: ['SE-choice-is-random'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { weighted } = selection;
    let turn = 0;
    selection.weighted = (paths) => {
      const areEqual = paths.every((path) => path.weight === paths[0]!.weight);
      return areEqual ? paths[turn++ % paths.length]! : weighted.call(selection, paths);
    };
  },
};
