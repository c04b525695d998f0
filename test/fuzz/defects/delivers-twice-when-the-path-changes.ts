import { Flags, TrailerView } from '../../../src/codec/index.js';
import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'delivers-twice-when-the-path-changes',
  defect: 'The first packet by another path is taken for a new one and delivered again.',
  kind: 'corruption',
  apply(host) {
    const last = new Map<string, number>();
    const { fromNetwork } = host.endpoint;
    const view = new TrailerView();
    host.endpoint.fromNetwork = (packet, now, length = packet.length) => {
      fromNetwork.call(host.endpoint, packet, now, length);
      if (!view.locate(packet, 0, length) || view.cm.flags !== Flags.normal || view.cm.pathId === 0) return;
      const key = `${view.cm.nodeId} ${view.cm.sessionId}`;
      const before = last.get(key);
      last.set(key, view.cm.pathId);
      if (before !== undefined && before !== view.cm.pathId) fromNetwork.call(host.endpoint, packet, now, length);
    };
  },
};
