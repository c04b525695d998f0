import type { Path } from '../../src/endpoint/paths.js';
import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'fastest-path-stays-fastest',
  defect: 'A rule for responsiveness goes by the first delays that were fed back, not by those of now.',
  requirements: ['MPIP-RT-02'],
  killedBy: ['RT-responsiveness-follows-delays'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { choose } = selection;
    const first = new WeakMap<Path, number>();
    selection.choose = (session, priority, now, paths = session.paths, octets = undefined) => {
      for (const path of paths) if (path.samples > 0 && !first.has(path)) first.set(path, path.networkDelay);
      const known = paths.filter((path) => first.has(path));
      if (priority !== 'responsiveness' || known.length < 2)
        return choose.call(selection, session, priority, now, paths, octets);
      return known.reduce((best, path) => (first.get(path)! - first.get(best)! < 0 ? path : best));
    };
  },
};
