import { TrailerView } from '../../src/codec/index.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'heartbeats-when-idle',
  defect: 'The last heartbeat is repeated every second though nothing is received.',
  requirements: ['MPIP-HB-07'],
  killedBy: ['HB-none-for-control-packets', 'HB-only-in-reaction', 'SS-received-packets-refresh'],
  apply({ endpoint }) {
    const { considerHeartbeat } = endpoint.heartbeats;
    const { poll } = endpoint;
    let repeat: (() => void) | undefined;
    let due = Number.POSITIVE_INFINITY;
    endpoint.heartbeats.considerHeartbeat = (view, peer, session, sessionId, pathId, layout, now) => {
      considerHeartbeat.call(endpoint.heartbeats, view, peer, session, sessionId, pathId, layout, now);
      const bytes = view.bytes.slice(0, view.end);
      repeat = () => {
        const copy = new TrailerView();
        copy.parse(bytes, 0, bytes.length);
        endpoint.settings.constants['heartbeat-age'] = 0;
        considerHeartbeat.call(endpoint.heartbeats, copy, peer, session, sessionId, pathId, layout, due);
        endpoint.settings.constants['heartbeat-age'] = 1_000_000;
      };
      due = now + 1_000_000;
    };
    endpoint.poll = (now) => {
      if (now >= due) {
        repeat!();
        due = now + 1_000_000;
      }
      return Math.min(due, poll.call(endpoint, now));
    };
  },
};
