import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sends-from-lost-address',
  defect: 'After losing an address the node goes on sending from it on the paths that it had.',
  requirements: ['MPIP-AD-08'],
  killedBy: ['AD-removed-address-is-gone'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { resetOwn } = addressChange;
    addressChange.resetOwn = (session, locals, now) => {
      const tuples = session.paths.map(({ tuple }) => tuple.source);
      return resetOwn.call(addressChange, session, [...new Set([...tuples, ...locals])], now);
    };
  },
};
