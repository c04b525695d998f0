import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-protocol',
  defect: 'The protocol of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-protocol'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) =>
      replace.call(
        routing,
        rules.map(({ protocol: _protocol, ...rule }) => rule),
      );
  },
};
