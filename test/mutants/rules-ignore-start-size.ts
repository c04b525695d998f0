import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-start-size',
  defect: 'The start size of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-from-a-length-on'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) =>
      replace.call(
        routing,
        rules.map(({ startSize: _start, ...rule }) => rule),
      );
  },
};
