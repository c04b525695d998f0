import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-smallest-delay',
  defect: 'The smallest delay has no positive counterpart in 32 bits.',
  kind: 'crash',
  like: 'R9',
  apply(host) {
    onCm(host, ({ cm }) => {
      if (cm.feedbackPathId !== 0 && Math.abs(cm.pathDelay) > 0x7fff_ffff) throw new RangeError('Integer overflow');
    });
  },
};
