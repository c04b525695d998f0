import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-without-end-match-nothing',
  defect: 'A rule without an end size is taken for one that ends at 0.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-from-a-length-on'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) =>
      replace.call(
        routing,
        rules.map((rule) => (rule.startSize === undefined ? rule : { ...rule, endSize: rule.endSize ?? 0 })),
      );
  },
};
