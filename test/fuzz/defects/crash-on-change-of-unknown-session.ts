import { Flags } from '../../../src/codec/index.js';
import { type Defect, onCm } from '../defect.js';

export const defect: Defect = {
  name: 'crash-on-change-of-unknown-session',
  defect: 'A change of addresses looks for its session and uses what it did not find.',
  kind: 'crash',
  like: 'R8',
  apply(host) {
    onCm(host, (view, _packet, now) => {
      const { nodeId, layout, flags, sessionId } = view.cm;
      if (flags !== Flags.ipChange) return;
      const [peer] = host.endpoint.nodes.withId(nodeId, layout);
      if (peer !== undefined) host.endpoint.sessions.byId(peer, sessionId, now)!.paths.slice();
    });
  },
};
