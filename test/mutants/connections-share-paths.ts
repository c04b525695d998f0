import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'connections-share-paths',
  defect: 'Only the first connection with a node gets paths; the others use them.',
  requirements: ['MPIP-MT-02', 'MPIP-PA-05'],
  killedBy: ['MT-each-connection-has-its-own-paths'],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { choose } = selection;
    selection.choose = (session, priority, now, paths = session.paths) => {
      const first = [...session.peer.sessions.values()].find((one) => one.protocol === 6 && one.paths.length > 0);
      return session.protocol === 6 && first !== undefined && first !== session
        ? choose.call(selection, first, priority, now)
        : choose.call(selection, session, priority, now, paths);
    };
  },
};
