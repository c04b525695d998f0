import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'names-a-neighbouring-path',
  defect: 'Every eighth packet names another path than the one that it takes.',
  requirements: ['MPIP-PA-02'],
  killedBy: [
    'PA-from-every-local-address',
    'PA-id-names-one-tuple',
    'RT-by-address',
    'RT-by-port',
    'RT-by-protocol',
    'RT-changes-at-run-time',
    'RT-from-a-length-on',
    'RT-responsiveness-follows-delays',
    'RT-responsiveness-takes-lowest-delay',
    'RT-small-packets',
    'SE-congested-path-loses-weight',
    'SE-minimum-over-all-time',
    'SS-path-from-one-when-shared',
  ],
  apply(host) {
    const { composer } = host.endpoint;
    const { addFeedback } = composer;
    let sent = 0;
    composer.addFeedback = (cm, peer, now) => {
      addFeedback.call(composer, cm, peer, now);
      if (cm.pathId === 0 || cm.flags !== 0 || ++sent % 8 !== 0) return;
      const own = peer.paths.get(cm.pathId);
      for (const [id, path] of peer.paths) {
        if (path.session !== own?.session || id === cm.pathId) continue;
        cm.pathId = id;
        return;
      }
    };
  },
};
