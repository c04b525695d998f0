import { type Mutant, onRules } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-port',
  defect: 'The port of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-port'],
  apply: (host) => onRules(host, ({ port: _port, ...rule }) => rule),
};
