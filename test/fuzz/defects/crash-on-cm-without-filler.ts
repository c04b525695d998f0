import { DatagramView, HeaderStatus, UDP } from '../../../src/codec/index.js';
import { isCompact } from '../../../src/codec/view.js';
import { onReceipt } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-cm-without-filler',
  defect: 'User data of exactly 25 octets that read as a CM: what is left after it went is computed as -1.',
  kind: 'crash',
  like: 'R2',
  apply(host) {
    const view = new DatagramView();
    onReceipt(host.endpoint, (packet) => {
      const isUdp = view.parse(packet) === HeaderStatus.ok && view.protocol === UDP;
      if (isUdp && view.payloadLength === 25 && isCompact(packet, view.payloadOffset - 1, view.end))
        throw new RangeError('Invalid array length -1');
      return packet;
    });
  },
};
