import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'counts-ids-past-those-of-the-peer',
  defect: "Own session ids come from a counter that does not know the peer's.",
  requirements: ['MPIP-SS-02'],
  killedBy: ['SS-own-ids-avoid-ours'],
  apply({ endpoint }) {
    const { create } = endpoint.sessions;
    let last = 0;
    endpoint.sessions.create = (peer, protocol, tuple, now) => {
      peer.sessionIds.allocate = () => peer.sessionIds.take(++last);
      return create.call(endpoint.sessions, peer, protocol, tuple, now);
    };
  },
};
