import { type Mutant, onReceipt } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'confirms-from-other-port',
  defect: 'Confirmations come from the port on which the peer was first spoken to.',
  requirements: ['MPIP-AV-06'],
  killedBy: ['AV-confirm-goes-back'],
  apply({ endpoint }) {
    let first: number | undefined;
    onReceipt(endpoint, (packet) => {
      first ??= (packet[22]! << 8) | packet[23]!;
      return packet;
    });
    const { sendConfirmation } = endpoint.handshake;
    endpoint.handshake.sendConfirmation = (view, back, layout, now) =>
      sendConfirmation.call(endpoint.handshake, view, { ...back, sourcePort: first! }, layout, now);
  },
};
