import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'rules-wait-for-delays',
  defect: 'A packet for the path of the lowest delay is dropped while no delay is known.',
  requirements: ['MPIP-RT-02'],
  killedBy: ['RT-responsiveness-without-delays'],
  apply(host) {
    const { outbound, state } = host.endpoint;
    const { sendData } = outbound;
    outbound.sendData = (view, session, layout, now, length) => {
      const { destination, destinationPort, protocol } = view;
      const priority = state.routing.priority(destination, destinationPort, protocol, length);
      const isKnown = session.paths.length === 0 || session.paths.some(({ samples }) => samples > 0);
      if (priority === 'throughput' || isKnown) sendData.call(outbound, view, session, layout, now, length);
    };
  },
};
