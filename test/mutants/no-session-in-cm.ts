import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'no-session-in-cm',
  defect: 'Data packets carry session id 0.',
  requirements: ['MPIP-CM-02', 'MPIP-SS-01'],
  killedBy: [],
  apply({ endpoint }) {
    const { sendData } = endpoint;
    endpoint.sendData = (view, session, layout, now, length) => {
      const { id } = session;
      session.id = 0;
      sendData.call(endpoint, view, session, layout, now, length);
      session.id = id;
    };
  },
};
