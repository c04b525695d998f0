import { UDP } from '../../../src/codec/index.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-short-udp-length',
  defect: 'The UDP length is reduced by the trailer without a look at it.',
  kind: 'crash',
  like: 'R3',
  apply(host) {
    onCm(host, (view) => {
      if (view.protocol === UDP && view.udpLength < 34)
        throw new RangeError(`Invalid array length ${view.udpLength - 26}`);
    });
  },
};
