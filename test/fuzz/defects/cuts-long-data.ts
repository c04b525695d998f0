import { DatagramView, HeaderStatus, UDP } from '../../../src/codec/index.js';
import { onReceipt, withLengths } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'cuts-long-data',
  defect: 'User data that would not fit with a trailer is cut.',
  kind: 'corruption',
  like: 'R31',
  apply(host) {
    onReceipt(host.endpoint, (packet) => {
      const view = new DatagramView();
      const isLong = view.parse(packet) === HeaderStatus.ok && view.protocol === UDP && view.payloadLength > 1374;
      return isLong ? withLengths(packet.slice(0, view.payloadOffset + 1374)) : packet;
    });
  },
};
