import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'no-session-in-cm',
  defect: 'Data packets carry session id 0.',
  requirements: ['MPIP-CM-02', 'MPIP-SS-01'],
  killedBy: [
    'AD-first-packet-is-flagged',
    'HB-does-not-refresh-session',
    'HB-one-way-traffic-becomes-multipath',
    'SS-adopts-by-any-path',
    'SS-adopts-our-id',
    'SS-both-begin-lower-wins',
    'SS-created-at-first-send',
    'SS-each-connection-its-session',
    'SS-expires',
    'SS-id-for-two-connections-higher-loses',
    'SS-new-id-for-new-session',
    'SS-own-ids-avoid-ours',
    'SS-path-from-one-when-shared',
    'SS-path-zero-after-expiry',
  ],
  apply({ endpoint }) {
    const { sendData } = endpoint.outbound;
    endpoint.outbound.sendData = (view, session, layout, now, length) => {
      const { id } = session;
      session.id = 0;
      sendData.call(endpoint.outbound, view, session, layout, now, length);
      session.id = id;
    };
  },
};
