import { onReceipt } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

const NOTHING = new Uint8Array(0);

export const defect: Defect = {
  name: 'hang-on-overlapping-fragments',
  defect: 'Two fragments that overlap are joined in a loop that never ends.',
  kind: 'hang',
  like: 'R4',
  apply(host) {
    let isStuck = false;
    const ends = new Map<number, number>();
    onReceipt(host.endpoint, (packet) => {
      if (isStuck) return NOTHING;
      const field = packet.length >= 20 ? (packet[6]! << 8) | packet[7]! : 0;
      if ((field & 0x3fff) === 0) return packet;
      const at = (field & 0x1fff) * 8;
      const id = (packet[4]! << 8) | packet[5]!;
      if (at > 0 && at < (ends.get(id) ?? 0)) isStuck = true;
      ends.set(id, at + packet.length - 20);
      return packet;
    });
  },
};
