import { onReceipt } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

const NOTHING = new Uint8Array(0);

export const defect: Defect = {
  name: 'hang-on-unknown-flags',
  defect: 'A flag above 5 with a right checksum waits for a handler that is not there.',
  kind: 'hang',
  apply(host) {
    let isStuck = false;
    onReceipt(host.endpoint, (packet) => {
      const start = packet.length - 25;
      if (start >= 29 && packet[start] === 25 && packet[start + 22]! > 5) {
        let sum = 0;
        for (let i = start; i < start + 23; i++) sum += packet[i]!;
        if (sum === packet[start + 23]! + 256 * packet[start + 24]!) isStuck = true;
      }
      return isStuck ? NOTHING : packet;
    });
  },
};
