import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-are-never-removed',
  defect: 'Rules are added to those that are there; none goes.',
  requirements: ['MPIP-RT-04', 'MPIP-RT-06'],
  killedBy: ['RT-changes-at-run-time'],
  apply(host) {
    const { routing } = host.endpoint.state;
    const { replace } = routing;
    routing.replace = (rules) => replace.call(routing, [...rules, ...routing.rules]);
  },
};
