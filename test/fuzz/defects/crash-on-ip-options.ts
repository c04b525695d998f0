import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-ip-options',
  defect: 'The IP header has 20 octets, always.',
  kind: 'crash',
  like: 'R1',
  apply(host) {
    onCm(host, (view, packet) => {
      const words = packet.subarray(20, view.end).length - 8;
      if (view.ipHeaderLength > 20) throw new RangeError(`The segment of ${words} octets has no header`);
    });
  },
};
