import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'session-per-packet',
  defect: 'Every packet begins a new session.',
  requirements: ['MPIP-SS-02', 'MPIP-SS-03'],
  killedBy: [
    'AD-first-packet-is-flagged',
    'HB-does-not-refresh-session',
    'HB-one-way-traffic-becomes-multipath',
    'HS-client-syn-on-every-path',
    'RX-to-other-service-port',
    'SS-adopts-by-any-path',
    'SS-adopts-our-id',
    'SS-both-begin-higher-loses',
    'SS-both-begin-lower-wins',
    'SS-each-connection-its-session',
    'SS-expires',
    'SS-id-for-two-connections-higher-loses',
    'SS-id-for-two-connections-lower-wins',
    'SS-id-stays',
    'SS-new-id-for-new-session',
    'SS-own-ids-avoid-ours',
    'SS-path-from-one-when-shared',
    'SS-sent-packets-refresh',
    'TM-fake-tcp',
  ],
  apply({ endpoint }) {
    endpoint.sessionRules.toSend = (row, tuple, protocol, now) => {
      const peer = endpoint.nodes.at(row.address, row.port);
      const known = endpoint.sessions.byTuple(tuple, protocol, now);
      if (known !== undefined) endpoint.sessions.remove(known, now);
      return peer === undefined ? undefined : endpoint.sessions.create(peer, protocol, tuple, now);
    };
  },
};
