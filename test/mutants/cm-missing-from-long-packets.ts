import type { Mutant } from '../conformance/mutant.js';

export const mutant: Mutant = {
  name: 'cm-missing-from-long-packets',
  defect: 'Packets with more than 1000 octets of user data go without a CM although there is room.',
  requirements: ['MPIP-CM-01'],
  killedBy: ['CM-large-datagrams', 'CM-one-after-user-data'],
  apply({ endpoint }) {
    const { sendToEnabled } = endpoint.outbound;
    endpoint.outbound.sendToEnabled = (view, row, now, length) => {
      const limit = length > 1028 ? 0 : 65_535;
      Object.assign(endpoint.settings, { linkMtu: limit });
      sendToEnabled.call(endpoint.outbound, view, row, now, length);
    };
  },
};
