import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'division-by-zero-in-delay-change',
  defect: 'The change of a delay is divided by the change before, which may be 0.',
  kind: 'crash',
  like: 'R28',
  apply(host) {
    let before = 0n;
    let change = 1n;
    onCm(host, ({ cm }) => {
      if (cm.feedbackPathId === 0 || cm.sessionId > 200) return;
      const delay = BigInt(cm.pathDelay);
      void ((1000n * (delay - before)) / change);
      change = delay - before;
      before = delay;
    });
  },
};
