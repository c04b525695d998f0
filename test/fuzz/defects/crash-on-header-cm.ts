import { isCompact } from '../../../src/codec/view.js';
import { onReceipt } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-header-cm',
  defect: 'A CM is looked for in the octets of the headers.',
  kind: 'crash',
  like: 'R1',
  apply(host) {
    onReceipt(host.endpoint, (packet) => {
      if (packet.length === 40 && isCompact(packet, 0, 40)) throw new RangeError('Invalid array length -6');
      return packet;
    });
  },
};
