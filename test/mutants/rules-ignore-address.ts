import { type Mutant, onRules } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-address',
  defect: 'The address of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-address'],
  apply: (host) => onRules(host, ({ destination: _destination, ...rule }) => rule),
};
