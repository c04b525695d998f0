import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-only-once',
  defect: 'The first rules that are set stay; later ones are not taken.',
  requirements: ['MPIP-RT-04'],
  killedBy: ['RT-by-address', 'RT-by-port', 'RT-by-protocol', 'RT-changes-at-run-time'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) => {
      if (routing.rules.length === 0) replace.call(routing, rules);
    };
  },
};
