import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'takes-a-return-for-the-same-change',
  defect: 'A change to addresses that the peer had before is taken for one that was obeyed already.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-each-change-counts'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { resetByPeer } = addressChange;
    const former = new Set<string>();
    addressChange.resetByPeer = (session, change, locals, now) => {
      const name = `${session.id} ${change.announced.join()}`;
      if (former.has(name)) return false;
      former.add(name);
      return resetByPeer.call(addressChange, session, change, locals, now);
    };
  },
};
