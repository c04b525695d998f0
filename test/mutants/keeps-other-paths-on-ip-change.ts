import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'keeps-other-paths-on-ip-change',
  defect: 'After a flagged packet the other paths stay beside the new one.',
  requirements: ['MPIP-AD-02'],
  killedBy: [
    'AD-change-during-a-change',
    'AD-each-change-counts',
    'AD-fake-paths-come-back',
    'AD-flag-keeps-one-path',
    'AD-old-address-unused',
    'AD-other-address-lost',
    'AD-other-port',
    'AD-same-change-resets-once',
  ],
  apply(host) {
    const { addressChange, mesh } = host.endpoint.state;
    const { resetByPeer } = addressChange;
    addressChange.resetByPeer = (session, change, locals, now) => {
      const before = session.paths.map((path) => path.tuple);
      const isReset = resetByPeer.call(addressChange, session, change, locals, now);
      if (isReset) for (const tuple of before) mesh.add(session, tuple, 250, now);
      return isReset;
    };
  },
};
