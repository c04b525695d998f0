import { type Mutant, onRules } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-start-size',
  defect: 'The start size of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-from-a-length-on'],
  apply: (host) => onRules(host, ({ startSize: _start, ...rule }) => rule),
};
