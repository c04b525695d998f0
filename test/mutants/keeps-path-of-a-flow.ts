import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'keeps-path-of-a-flow',
  defect: 'The packets of a flow keep to one path for a second.',
  requirements: ['MPIP-SE-08'],
  killedBy: ['PA-from-every-local-address', 'PA-mesh-of-all-addresses', 'SE-path-per-packet'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { choose } = selection;
    const kept = new WeakMap<object, { path: ReturnType<typeof choose>; until: number }>();
    selection.choose = (session, priority, now, paths = session.paths) => {
      const last = kept.get(session);
      if (last?.path !== undefined && now < last.until && paths.includes(last.path)) {
        selection.adjustWeights(session, now);
        return last.path;
      }
      const path = choose.call(selection, session, priority, now, paths);
      kept.set(session, { path, until: now + 1_000_000 });
      return path;
    };
  },
};
