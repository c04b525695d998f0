import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'slower-with-every-packet',
  defect: 'Every packet adds a row that all later ones look at.',
  kind: 'leak',
  like: 'R15',
  apply(host) {
    const rows: number[] = [];
    onCm(host, ({ cm }) => {
      for (let i = 0; i < 100; i++) rows.push(cm.timestamp ^ i);
      let found = 0;
      for (const row of rows) if (row === cm.nodeId) found++;
      if (found === rows.length) rows.length = 0;
    });
  },
};
