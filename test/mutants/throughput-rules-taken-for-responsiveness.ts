import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'throughput-rules-taken-for-responsiveness',
  defect: 'The priority of a rule is not looked at: each one is taken for responsiveness.',
  requirements: ['MPIP-RT-03'],
  killedBy: ['RT-throughput-takes-weights'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) =>
      replace.call(
        routing,
        rules.map((rule) => ({ ...rule, priority: 'responsiveness' as const })),
      );
  },
};
