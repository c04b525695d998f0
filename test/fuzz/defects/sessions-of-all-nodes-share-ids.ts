import type { Defect } from '../defect.js';

export const defect: Defect = {
  name: 'sessions-of-all-nodes-share-ids',
  defect: 'A session is found by its id alone, whichever node it is of.',
  kind: 'confusion',
  like: 'R17',
  apply(host) {
    const { received } = host.endpoint.sessionRules;
    host.endpoint.sessionRules.received = (view, peer, id, pathId, now) => {
      for (const session of host.endpoint.sessions.rows())
        if (session.id === id && session.peer !== peer && session.protocol === view.protocol) return session;
      return received.call(host.endpoint.sessionRules, view, peer, id, pathId, now);
    };
  },
};
