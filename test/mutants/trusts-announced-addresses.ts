import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'trusts-announced-addresses',
  defect: 'An address that a CM lists counts as enabled without a handshake of its own.',
  requirements: ['MPIP-AV-17', 'MPIP-AV-18'],
  killedBy: ['AV-each-address-on-its-own'],
  apply({ endpoint }) {
    const announced = new Set<number>();
    const { processCm } = endpoint.inbound;
    endpoint.inbound.processCm = (view, now) => {
      const { source } = view;
      for (const address of view.cm.localAddresses) if (address !== source) announced.add(address);
      return processCm.call(endpoint.inbound, view, now);
    };
    const { sendToUnknown } = endpoint.outbound;
    endpoint.outbound.sendToUnknown = (view, now, length) => {
      const { mayQuery } = endpoint.handshake;
      if (announced.has(view.destination)) endpoint.handshake.mayQuery = () => false;
      sendToUnknown.call(endpoint.outbound, view, now, length);
      endpoint.handshake.mayQuery = mayQuery;
    };
  },
};
