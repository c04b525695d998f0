import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-equal-octet-node-id',
  defect: 'Node ids of two equal octets mark a free row.',
  kind: 'crash',
  like: 'R20',
  apply(host) {
    onCm(host, ({ cm }) => {
      const { nodeId, layout } = cm;
      if (layout === 'compact' && nodeId >>> 8 === (nodeId & 255)) throw new TypeError('Row is null');
    });
  },
};
