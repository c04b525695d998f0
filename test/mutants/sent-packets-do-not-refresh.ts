import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'sent-packets-do-not-refresh',
  defect: 'Only received packets keep a session alive.',
  requirements: ['MPIP-SS-07'],
  killedBy: ['SS-sent-packets-refresh'],
  apply({ endpoint }) {
    const { sendData } = endpoint.outbound;
    endpoint.outbound.sendData = (view, session, layout, now, length) => {
      const { updateTime } = session;
      sendData.call(endpoint.outbound, view, session, layout, now, length);
      session.updateTime = updateTime;
    };
  },
};
