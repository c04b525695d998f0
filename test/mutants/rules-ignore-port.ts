import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-ignore-port',
  defect: 'The port of a rule is not looked at.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-port'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) =>
      replace.call(
        routing,
        rules.map(({ port: _port, ...rule }) => rule),
      );
  },
};
