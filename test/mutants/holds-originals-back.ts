import { DatagramView } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'holds-originals-back',
  defect: 'Packets to an unknown address wait half a second for the handshake before they leave.',
  requirements: ['MPIP-GEN-04'],
  killedBy: ['GEN-not-held-back'],
  apply({ endpoint }) {
    const { sendToUnknown } = endpoint.outbound;
    const { poll } = endpoint;
    const held: { packet: Uint8Array; due: number }[] = [];
    endpoint.outbound.sendToUnknown = (view, now, length) => {
      held.push({ packet: view.bytes.slice(0, length), due: now + 450_000 });
    };
    endpoint.poll = (now) => {
      while (held.length > 0 && held[0]!.due <= now) {
        const { packet } = held.shift()!;
        const view = new DatagramView();
        view.parse(packet, 0, packet.length);
        sendToUnknown.call(endpoint.outbound, view, now, packet.length);
      }
      return Math.min(poll.call(endpoint, now), held[0]?.due ?? Number.POSITIVE_INFINITY);
    };
  },
};
