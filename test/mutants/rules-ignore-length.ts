import { type Mutant, onRules } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-length',
  defect: 'The length range of a rule is not looked at.',
  requirements: ['MPIP-RT-01', 'MPIP-RT-05'],
  killedBy: ['RT-from-a-length-on', 'RT-small-packets'],
  apply: (host) => onRules(host, ({ startSize: _start, endSize: _end, ...rule }) => rule),
};
