import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'all-packets-to-the-fastest-path',
  defect: 'Every packet takes the path with the lowest delay, with and without a rule.',
  requirements: ['MPIP-RT-03'],
  killedBy: [
    'EX-fed-path-stays',
    'EX-idle-path-does-not-age',
    'FB-drift-does-not-matter',
    'RT-by-address',
    'RT-by-port',
    'RT-by-protocol',
    'RT-changes-at-run-time',
    'RT-from-a-length-on',
    'RT-small-packets',
    'RT-throughput-takes-weights',
    'SE-constant-delay-is-no-congestion',
    'SE-equal-queuing-raises-all',
    'SE-path-recovers',
    'SE-weight-falls-by-step-per-period',
  ],
  apply(host) {
    const { routing } = host.endpoint.state;
    routing.priority = () => 'responsiveness';
  },
};
