import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-address',
  defect: 'The address of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-address'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) =>
      replace.call(
        routing,
        rules.map(({ destination: _destination, ...rule }) => rule),
      );
  },
};
