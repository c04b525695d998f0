import { IdPool } from '../../../src/endpoint/id-pool.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'session-255-poisons-new-ids',
  defect: 'After a session 255 every new session gets the id 1.',
  kind: 'poisoning',
  like: 'R16',
  apply(host) {
    let isPoisoned = false;
    onCm(host, ({ cm }) => {
      if (cm.sessionId === 255) isPoisoned = true;
    });
    const { learn } = host.endpoint.nodes;
    host.endpoint.nodes.learn = (...args) => {
      const peer = learn.apply(host.endpoint.nodes, args);
      const { sessionIds } = peer;
      const { allocate } = IdPool.prototype;
      sessionIds.allocate = (now) => (isPoisoned ? 1 : allocate.call(sessionIds, now));
      return peer;
    };
  },
};
