import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-session-255',
  defect: 'The table of sessions has 255 entries, from 0.',
  kind: 'crash',
  like: 'R16',
  apply(host) {
    const table = new Array<number>(255).fill(0);
    onCm(host, ({ cm }) => {
      if (cm.layout === 'compact' && table[cm.sessionId] === undefined)
        throw new RangeError(`Session ${cm.sessionId} is outside the table`);
    });
  },
};
