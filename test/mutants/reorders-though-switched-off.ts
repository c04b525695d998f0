import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'reorders-though-switched-off',
  defect: 'Early segments are held although reordering is switched off.',
  requirements: ['MPIP-OO-09'],
  killedBy: ['OO-switched-off'],
  reordering: false,
  apply(host) {
    const { settings } = host.endpoint;
    Object.assign(settings, { reordering: true });
  },
};
