import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'counts-ids-past-those-of-the-peer',
  defect: "Own session ids come from a counter that does not know the peer's.",
  requirements: ['MPIP-SS-02'],
  killedBy: ['SS-own-ids-avoid-ours'],
  apply({ endpoint }) {
    const { adopt } = endpoint.sessions;
    endpoint.sessions.adopt = (peer, id, protocol, tuple, now) => {
      const session = adopt.call(endpoint.sessions, peer, id, protocol, tuple, now);
      peer.sessionIds.free(id, now);
      return session;
    };
  },
};
