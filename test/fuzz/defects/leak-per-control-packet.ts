import { Flags } from '../../../src/codec/index.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'leak-per-control-packet',
  defect: 'The buffer of every control packet is kept.',
  kind: 'leak',
  like: 'R26',
  apply(host) {
    const kept: Uint8Array[] = [];
    onCm(host, ({ cm }) => {
      if (cm.flags >= Flags.heartbeat) kept.push(new Uint8Array(4096).fill(1));
    });
  },
};
