import { Flags, TCP } from '../../../src/codec/index.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-many-waiting-confirmations',
  defect: 'The list of waiting TCP confirmations has room for three.',
  kind: 'crash',
  like: 'R15',
  apply(host) {
    const waiting = new Set<string>();
    onCm(host, (view) => {
      if (view.protocol !== TCP || view.cm.flags !== Flags.enable) return;
      waiting.add(`${view.source}:${view.sourcePort}`);
      if (waiting.size > 3) throw new RangeError('Waiting list overrun');
    });
  },
};
