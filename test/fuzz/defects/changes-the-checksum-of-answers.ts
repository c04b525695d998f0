import { onTransmit } from '../../conformance/mutant.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'changes-the-checksum-of-answers',
  defect: 'The CM checksum is computed before the flags are written.',
  kind: 'corruption',
  apply(host) {
    onTransmit(host, (packet) => {
      if (packet.at(-3)! > 0 && packet.at(-3)! <= 5 && packet.at(-25) === 25)
        packet[packet.length - 2]! -= packet.at(-3)!;
    });
  },
};
