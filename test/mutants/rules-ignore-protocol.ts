import { type Mutant, onRules } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-protocol',
  defect: 'The protocol of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-protocol'],
  apply: (host) => onRules(host, ({ protocol: _protocol, ...rule }) => rule),
};
