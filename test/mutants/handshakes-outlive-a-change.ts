import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'handshakes-outlive-a-change',
  defect: 'A fake handshake that was under way when the peer changed its address may still open its path.',
  requirements: ['MPIP-AD-02'],
  killedBy: ['AD-fake-paths-come-back', 'AD-handshake-of-before-is-over'],
  apply({ endpoint: { fakeTcp, pathChoice } }) {
    const { forget } = fakeTcp;
    const { obeyChange } = pathChoice;
    pathChoice.obeyChange = (...change) => {
      fakeTcp.forget = () => {};
      obeyChange.apply(pathChoice, change);
      fakeTcp.forget = forget;
    };
  },
};
