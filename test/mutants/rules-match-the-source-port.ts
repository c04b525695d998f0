import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-match-the-source-port',
  defect: 'The port of a rule is compared with that of the source.',
  requirements: ['MPIP-RT-01'],
  killedBy: ['RT-by-port'],
  apply(host) {
    const { pathChoice, state } = host.endpoint;
    const { choosePath } = pathChoice;
    const { priority } = state.routing;
    pathChoice.choosePath = (session, now, view, length) => {
      state.routing.priority = (destination, _port, protocol, size) =>
        priority.call(state.routing, destination, session.tuple.sourcePort, protocol, size);
      return choosePath.call(pathChoice, session, now, view, length);
    };
  },
};
