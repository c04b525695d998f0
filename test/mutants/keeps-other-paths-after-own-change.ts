import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'keeps-other-paths-after-own-change',
  defect: 'After a change of its addresses the node keeps the paths whose source it still has.',
  requirements: ['MPIP-AD-03'],
  killedBy: ['AD-own-change-resets-to-one-path'],
  apply(host) {
    const { addressChange, mesh } = host.endpoint.state;
    const { resetOwn } = addressChange;
    addressChange.resetOwn = (session, locals, now) => {
      const kept = session.paths.filter(({ tuple }) => locals.includes(tuple.source)).map(({ tuple }) => tuple);
      const isKnown = resetOwn.call(addressChange, session, locals, now);
      for (const tuple of kept.slice(1)) mesh.add(session, tuple, 500, now);
      return isKnown;
    };
  },
};
