import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'never-adopts-session',
  defect: 'A session id of the peer is ignored; answers carry one of our own.',
  requirements: ['MPIP-SS-04', 'MPIP-SS-03'],
  killedBy: [
    'AD-first-packet-is-flagged',
    'HB-path-by-normal-selection',
    'SS-adopts-by-any-path',
    'SS-adopts-our-id',
    'SS-both-begin-lower-wins',
    'SS-each-connection-its-session',
    'SS-id-for-two-connections-lower-wins',
    'SS-path-from-one-when-shared',
    'SS-received-packets-refresh',
  ],
  apply({ endpoint }) {
    endpoint.sessionRules.adopt = (view, peer, _id, tuple, now) =>
      endpoint.sessions.byTuple(tuple, view.protocol, now) ??
      endpoint.sessions.create(peer, view.protocol, tuple, now)!;
  },
};
