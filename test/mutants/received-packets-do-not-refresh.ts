import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'received-packets-do-not-refresh',
  defect: 'Only sent packets keep a session alive.',
  requirements: ['MPIP-SS-07'],
  killedBy: ['SS-received-packets-refresh'],
  apply({ endpoint }) {
    const { receiveData } = endpoint.inboundData;
    endpoint.inboundData.receiveData = (...all) => {
      const { refresh } = endpoint.sessionRules;
      endpoint.sessionRules.refresh = () => {};
      const deliver = receiveData.apply(endpoint.inboundData, all);
      endpoint.sessionRules.refresh = refresh;
      return deliver;
    };
  },
};
