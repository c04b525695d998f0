import { DatagramView } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-cm-before-handshake',
  defect: 'Every address is taken for an MPIP host before any handshake.',
  requirements: ['MPIP-AV-01', 'MPIP-AV-02'],
  killedBy: ['AV-ordinary-before-handshake', 'GEN-ordinary-traffic-unharmed', 'GEN-two-endpoints-behind-one-address'],
  apply({ endpoint }) {
    const { fromHost } = endpoint;
    endpoint.fromHost = (packet, now, length) => {
      const view = new DatagramView();
      view.parse(packet, 0, length ?? packet.length);
      const { destination, destinationPort } = view;
      if (endpoint.nodes.at(destination, destinationPort) === undefined) {
        const layout = endpoint.settings.profile.layout;
        endpoint.nodes.learn(0xfe01, layout, destination, destinationPort, []);
        endpoint.handshake.markEnabled(destination, destinationPort, layout);
      }
      fromHost.call(endpoint, packet, now, length);
    };
  },
};
