import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'flags-after-feedback',
  defect: 'The flag of an address change is carried by six packets, though the new path was fed back.',
  requirements: ['MPIP-AD-10'],
  killedBy: ['AD-own-flag-ends'],
  apply(host) {
    const { addressChange } = host.endpoint.state;
    const { isFlagged } = addressChange;
    addressChange.isFlagged = (session) => {
      const samples = session.paths.map((path) => path.samples);
      for (const path of session.paths) path.samples = 0;
      const is = isFlagged.call(addressChange, session);
      session.paths.forEach((path, i) => {
        path.samples = samples[i] ?? 0;
      });
      return is;
    };
  },
};
