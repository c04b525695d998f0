import { onReceipt } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'leak-of-lone-fragments',
  defect: 'Fragments whose datagrams never become whole are kept for ever.',
  kind: 'leak',
  like: 'R4',
  apply(host) {
    const kept: Uint8Array[] = [];
    onReceipt(host.endpoint, (packet) => {
      if (packet.length >= 20 && (packet[6]! & 0x3f) !== 0) kept.push(new Uint8Array(65_536).fill(1));
      return packet;
    });
  },
};
