import { Flags } from '../../../src/codec/index.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'hang-in-poll-after-handshake',
  defect: 'A handshake without a session is due for ever.',
  kind: 'hang',
  apply(host) {
    let isDue = false;
    onCm(host, ({ cm }) => {
      if (cm.flags === Flags.handshake && cm.sessionId === 0) isDue = true;
    });
    const { poll } = host;
    host.poll = (now) => {
      const next = poll.call(host, now);
      return isDue ? now : next;
    };
  },
};
