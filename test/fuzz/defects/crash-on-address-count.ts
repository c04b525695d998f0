import { onReceipt } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-address-count',
  defect: 'The address count of a full CM is believed before it is checked: the list begins before the packet.',
  kind: 'crash',
  like: 'R1',
  apply(host) {
    onReceipt(host.endpoint, (packet) => {
      const isFull = packet.length > 53 && packet.at(-4) === 0xa2 && packet.at(-3)! <= 5;
      if (isFull && packet.at(-5)! > 16 && packet.length - 25 - 4 * packet.at(-5)! < 0)
        throw new RangeError('Offset is outside the bounds of the DataView');
      return packet;
    });
  },
};
