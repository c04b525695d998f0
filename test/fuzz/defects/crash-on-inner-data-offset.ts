import { TCP, UDP } from '../../../src/codec/index.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-inner-data-offset',
  defect: 'The data offset of a wrapped segment is not checked.',
  kind: 'crash',
  like: 'R19',
  apply(host) {
    onCm(host, (view, packet) => {
      if (view.protocol !== UDP || view.userDataLength < 20) return;
      const [peer] = host.endpoint.nodes.withId(view.cm.nodeId, view.cm.layout);
      if (peer?.sessions.get(view.cm.sessionId)?.protocol !== TCP) return;
      const header = (packet[view.payloadOffset + 12]! >>> 4) * 4;
      if (header > view.userDataLength) throw new RangeError('Offset is outside the bounds of the DataView');
    });
  },
};
