import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'hang-after-session-expiry',
  defect: 'A session that was idle for two minutes stays locked: its packets wait for ever.',
  kind: 'hang',
  apply(host) {
    const last = new Map<number, number>();
    const locked = new Set<number>();
    const { received } = host.endpoint.sessionRules;
    const { receiveData } = host.endpoint.inboundData;
    host.endpoint.inboundData.receiveData = (view, peer, sessionId, pathId, layout, now) => {
      const key = peer.nodeId * 0x10000 + sessionId;
      if (now - (last.get(key) ?? now) > 120_000_000) locked.add(key);
      last.set(key, now);
      if (locked.has(key)) return false;
      return receiveData.call(host.endpoint.inboundData, view, peer, sessionId, pathId, layout, now);
    };
    host.endpoint.sessionRules.received = (...args) => received.apply(host.endpoint.sessionRules, args);
  },
};
