import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-match-the-source-port',
  defect: 'The port of a rule is compared with that of the source.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-port'],
  apply(host) {
    const { outbound, state } = host.endpoint;
    const { choosePath } = outbound;
    const { priority } = state.routing;
    outbound.choosePath = (session, now, view, length) => {
      state.routing.priority = (destination, _port, protocol, size) =>
        priority.call(state.routing, destination, session.tuple.sourcePort, protocol, size);
      return choosePath.call(outbound, session, now, view, length);
    };
  },
};
