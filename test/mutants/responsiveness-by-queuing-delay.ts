import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'responsiveness-by-queuing-delay',
  defect: 'A rule for responsiveness takes the path with the least queuing delay.',
  requirements: ['MPIP-RT-02'],
  killedBy: [
    'RT-by-address',
    'RT-by-port',
    'RT-by-protocol',
    'RT-changes-at-run-time',
    'RT-from-a-length-on',
    'RT-responsiveness-follows-delays',
    'RT-responsiveness-takes-lowest-delay',
    'RT-small-packets',
  ],
  apply(host) {
    const { selection } = host.endpoint.state;
    const { choose } = selection;
    selection.choose = (session, priority, now, paths = session.paths) =>
      priority === 'responsiveness' && paths.length > 1
        ? paths.reduce((best, path) => (path.queuing < best.queuing ? path : best))
        : choose.call(selection, session, priority, now, paths);
  },
};
