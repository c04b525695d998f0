import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-adopts-session',
  defect: 'A session id of the peer is ignored; answers carry one of our own.',
  requirements: ['MPIP-SS-04', 'MPIP-SS-03'],
  killedBy: [],
  apply({ endpoint }) {
    endpoint.adoptSession = (view, peer, _id, tuple, now) =>
      endpoint.sessions.byTuple(tuple, view.protocol, now) ??
      endpoint.sessions.create(peer, view.protocol, tuple, now)!;
  },
};
