import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'uses-paths-of-other-sessions',
  defect: 'A packet may take any path to the peer, whatever session it was made for.',
  requirements: ['MPIP-PA-05', 'MPIP-TX-03'],
  killedBy: [
    'MT-each-connection-has-its-own-paths',
    'PA-ids-unique-over-sessions',
    'PA-only-paths-of-the-session',
    'RX-answers-follow-the-session',
    'RX-unknown-session-goes-nowhere-else',
    'SE-per-connection',
    'SS-path-from-one-when-shared',
  ],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { choose } = selection;
    selection.choose = (session, priority, now, paths = session.paths) => {
      const all = [...session.peer.paths.values()].filter((path) => path.session.protocol === session.protocol);
      return choose.call(selection, session, priority, now, paths.length > 0 ? all : paths);
    };
  },
};
